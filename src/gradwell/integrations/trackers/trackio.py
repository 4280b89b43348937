"""Numbers and findings in Trackio: metrics, and alerts by severity."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from contextvars import Context
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from gradwell.integrations.trackers.tracker import Point, Tracker, by_step, library
from gradwell.integrations.trackers.words import markdown, title

if TYPE_CHECKING:
    from gradwell.doctor.finding import Finding
    from gradwell.report.data import Report

LEVELS = {"error": "ERROR", "warning": "WARN", "note": "INFO"}


class Trackio(Tracker):
    """A run of its own in a project of Trackio, beside yours, whose steps would be shifted by ours.

    options: what trackio.init takes, such as name, group, space_id.

    Raises DependencyError where trackio is not installed.
    """

    def __init__(self, project: str = "gradwell", **options: Any) -> None:
        self._trackio = library("trackio")
        self.project, self._options = project, {"name": f"gradwell-{token_hex(4)}"} | options  # Trackio would draw a name with random
        self._run: Any = None

    def __str__(self) -> str:
        return f"trackio project {self.project}"

    def begin(self) -> None:
        """Begin the run. Trackio's current run is a context variable, so in a context of its own yours stays what it is."""
        with aside():
            config = self._trackio.config
            self._run = Context().run(self._trackio.init, self.project, embed=False, auto_log_cpu=False, auto_log_gpu=False,
                                      **self._options)
            self._trackio.config = config

    def points(self, points: Sequence[Point]) -> None:
        """A row for each step."""
        for step, values in by_step(points).items():
            self._run.log(values, step=step)

    def finding(self, finding: Finding) -> None:
        """An alert at the step at which it began."""
        level = self._trackio.AlertLevel[LEVELS[finding.severity]]
        with aside():
            self._run.alert(title(finding), markdown(finding), level=level, step=finding.first_step)

    def report(self, report: Report) -> None:
        """The report as text; Trackio shows no pages."""
        self._run.log({"gradwell/report": self._trackio.Markdown(f"```\n{report}\n```")}, step=report.steps)

    def close(self) -> None:
        """End the run."""
        with aside():
            self._run.finish()


class Aside:
    """Standard output as every other thread knows it; what one thread writes goes nowhere."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        """Write, unless it is that thread."""
        return len(text) if threading.get_ident() == self._thread else int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Keep what Trackio prints out of the script's own output."""
    stream = Aside(before := sys.stdout)
    sys.stdout = stream
    try:
        yield
    finally:
        if sys.stdout is stream:
            sys.stdout = before
