"""Gradwell in pytest: a test fails when what it trains has a fault. docs/ci.md shows it.

    def test_training(gradwell):
        with gradwell.watch(model, optimizer):
            train(model, optimizer)

`pytest --gradwell` watches every test that trains. Nothing but pytest is imported here, so a suite that is not watched pays nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from gradwell.errors import GradwellError

if TYPE_CHECKING:
    from gradwell.session import Session

SESSIONS = pytest.StashKey["list[Session]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--gradwell` and `--gradwell-fail-on`."""
    group = parser.getgroup("gradwell", "deep learning you can see inside")
    group.addoption("--gradwell", action="store_true", help="Watch every test that trains, and fail it for the faults of its training.")
    group.addoption("--gradwell-fail-on", choices=("error", "warning", "note", "never"),
                    help="From which severity on a finding fails its test; error unless pyproject.toml says otherwise.")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "gradwell(allow=[...], fail_on=...): rules that a watched test may break, and the "
                                       "severity from which on a finding fails it.")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where every test is watched, load torch before the first one, and stop where that or the project's table is in the way."""
    if session.config.getoption("gradwell") and not session.config.getoption("collectonly"):
        from gradwell.integrations.watched_test import begun

        try:
            begun(session.config).record.close()
        except GradwellError as error:
            raise pytest.UsageError(str(error)) from error


class Watched:
    """What the fixture `gradwell` gives to a test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def watch(self, *watched: Any, **options: Any) -> Session:
        """Watch a `with` block as `gradwell.watch` does; what is found may fail the test when it ends."""
        from gradwell.integrations.watched_test import begun

        try:
            session = begun(self._item.config, *watched, **options)
        except GradwellError as error:
            pytest.fail(str(error), pytrace=False)
        self._item.stash.setdefault(SESSIONS, []).append(session)
        return session


@pytest.fixture
def gradwell(request: pytest.FixtureRequest) -> Watched:
    """Watch training inside a test: `with gradwell.watch(model, optimizer): ...`."""
    return Watched(request.node)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Begin to watch before the fixtures of a test are made, as they may build its model."""
    if item.config.getoption("gradwell") and "gradwell" not in getattr(item, "fixturenames", ()):
        from gradwell.integrations.watched_test import begun

        item.stash[SESSIONS] = [begun(item.config).__enter__()]
    yield


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Judge what a test has trained; a failure of its own comes first, and what was found is then told below it."""
    try:
        yield
    except (Exception, pytest.fail.Exception):
        if text := judged(item):
            item.add_report_section("call", "gradwell", text)
        raise
    if text := judged(item):
        pytest.fail(text, pytrace=False)


def judged(item: pytest.Item) -> str:
    """The text with which a test fails by what was found; empty where it does not, or was not watched."""
    sessions = item.stash.get(SESSIONS, [])
    if not sessions:
        return ""
    from gradwell.integrations import watched_test

    return watched_test.judged(item, sessions)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Let go of the records when the last fixture is done with them."""
    sessions = item.stash.get(SESSIONS, [])
    for session in sessions:
        session.__exit__(None, None, None)
    yield
    for session in sessions:
        session.record.close()
    sessions.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line for each finding of each test."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind if getattr(report, "when", "") == "call"]
    told = [report for report in reports if any(name.startswith("gradwell.") for name, _ in report.user_properties)]
    if told or config.getoption("gradwell"):
        from gradwell.integrations.watched_test import summary

        terminalreporter.section("gradwell")
        for line in summary(told):
            terminalreporter.line(line)
