"""What the pytest plugin does with a test that it watches; loaded with the first of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from gradwell.doctor.catalogue import rule
from gradwell.doctor.finding import Finding, fails
from gradwell.doctor.judge import judge
from gradwell.errors import GradwellError, OptionError
from gradwell.project import FAIL_ON, Project, project
from gradwell.report.data import Report
from gradwell.report.terminal import as_text
from gradwell.report.words import count, place, plain, source
from gradwell.session import Session, watch

PROJECT = pytest.StashKey[Project]()
TRAINS = 2  # steps from which on a test is one that trains; a single backward pass checks a gradient


def begun(config: pytest.Config, *watched: Any, **options: Any) -> Session:
    """A session for a test, within the project's budget. Raises DependencyError without torch, or what is wrong with the table."""
    if PROJECT not in config.stash:
        config.stash[PROJECT] = project(config.rootpath)
    budget = config.stash[PROJECT].budget
    return watch(*watched, **({"budget": budget} if budget else {}) | options)


def judged(item: pytest.Item, sessions: Iterable[Session]) -> str:
    """Judge a test's sessions and note what was found; the text with which the test fails, or none."""
    failures = []
    asked = "gradwell" in getattr(item, "fixturenames", ())
    for session in sessions:
        session.__exit__(None, None, None)
        if session.record.steps < TRAINS and not asked:
            continue
        with warnings.catch_warnings(action="ignore"):  # what we do is no business of the user's filters
            try:
                text, failed = said(item, session)
            except GradwellError as error:
                text, failed = f"gradwell: {error}", True
            except Exception as error:  # noqa: BLE001 - a test does not fail because we do
                text, failed = f"gradwell: this test could not be judged: {type(error).__name__}: {error}", False
                item.user_properties.append(("gradwell.failed", plain(text)))
        item.add_report_section("call", "gradwell", text) if not failed else failures.append(text)
    return "\n\n".join(failures)


def said(item: pytest.Item, session: Session) -> tuple[str, bool]:
    """The report on a session, and whether the test fails by it."""
    allowed, least = marked(item)
    wanted = item.config.stash[PROJECT]
    rules, notices = wanted.asked()
    session.record.note("script", item.nodeid)
    verdict = judge(session.record, [one for one in rules if one.code not in allowed])
    item.user_properties.append(("gradwell.steps", session.record.steps))
    note(item, verdict.findings)
    text = as_text(Report(session.record, verdict, notices))
    failed = fails(verdict.findings, least or item.config.getoption("gradwell_fail_on") or wanted.fail_on or "error")
    first = verdict.findings[0] if failed else None
    return f"{first.code} {first.name}: {plain(first.title)}\n{text}" if first else text, failed


def marked(item: pytest.Item) -> tuple[set[str], str | None]:
    """What a test's markers allow, and from which severity on they fail it. Raises GradwellError where they make no sense."""
    allowed: set[str] = set()
    least = None
    for marker in item.iter_markers("gradwell"):
        if marker.args or not {"allow", "fail_on"}.issuperset(marker.kwargs):
            raise OptionError(f"the marker of {item.nodeid} was given {marker.args or marker.kwargs}; it takes allow=[...] and fail_on=...")
        words = marker.kwargs.get("allow", ())
        allowed |= {rule(word).code for word in ([words] if isinstance(words, str) else words)}
        least = least or marker.kwargs.get("fail_on")
    if least not in (None, *FAIL_ON):
        raise OptionError(f"the marker of {item.nodeid} has fail_on={least!r}; it can be {', '.join(FAIL_ON)}")
    return allowed, least


def note(item: pytest.Item, findings: Iterable[Finding]) -> None:
    """Keep the findings as properties of the test, which reach its report, JUnit's XML and, from a worker of xdist, the terminal."""
    before = sum(name.endswith(".code") for name, _ in item.user_properties)
    for number, finding in enumerate(findings, before + 1):
        where = "  ".join(filter(None, (place(finding.where), source(finding.where))))
        facts = {"code": finding.code, "name": finding.name, "severity": finding.severity, "where": where, "step": finding.first_step}
        item.user_properties += [(f"gradwell.{number}.{name}", value) for name, value in facts.items()]


def summary(reports: Iterable[pytest.TestReport]) -> Iterator[str]:
    """A line for each finding of each test, and how many tests were watched."""
    trained = 0
    for report in reports:
        facts = {str(name): value for name, value in report.user_properties if str(name).startswith("gradwell.")}
        trained += "gradwell.steps" in facts
        for number in range(1, len(facts)):
            if f"gradwell.{number}.code" in facts:
                severity, code, name, where = (facts[f"gradwell.{number}.{key}"] for key in ("severity", "code", "name", "where"))
                yield f"{severity} {code} {name}  {where}  in {report.nodeid}"
        if "gradwell.failed" in facts:
            yield f"{facts['gradwell.failed']}  in {report.nodeid}"
    yield f"{count(trained, 'test')} trained and {'was' if trained == 1 else 'were'} watched"
