"""Sending one run to one tracker: its numbers, each finding once, and at the end the report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence

from gradwell.doctor.finding import Finding
from gradwell.doctor.judge import judge
from gradwell.doctor.ranks import ranks
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.errors import TrackerError
from gradwell.integrations.trackers.following import Following
from gradwell.integrations.trackers.tracker import Point, Tracker
from gradwell.report.data import Report
from gradwell.report.words import count, plain

WORDS = 300  # characters of what a library says of its failure


class Sending:
    """One run on its way. `moved` tells when the tracker last took something, in seconds of the monotonic clock.

    rules: that are asked while the run goes on; all of the catalogue, unless some are given.
    """

    def __init__(self, tracker: Tracker, rules: Iterable[Rule] | None = None) -> None:
        self.tracker = tracker
        self._rules = None if rules is None else tuple(rules)
        self.moved = time.monotonic()
        self._following = Following()
        self.ended = False
        self._sent = 0  # numbers
        self._begun = False
        self._told: set[tuple[str, str, int | None]] = set()  # findings

    def more(self, record: Record, last: bool = False) -> None:
        """Send what was added to the record since the last call."""
        self._points(self._following.points(record, last))

    def certain(self, record: Record) -> None:
        """Send what no later step can take back: errors. Warnings and notes wait for the end."""
        taken = record.copy()
        try:
            self._findings(finding for finding in judge(taken, self._rules).shown if finding.severity == "error")
        finally:
            taken.close()

    def end(self, report: Report) -> None:
        """Send the rest: numbers, those of the other ranks, too, the findings that a report shows, and the report itself. Of a run that
        did nothing, nothing is sent.
        """
        self.moved = time.monotonic()
        if report.record is None or not (report.steps or report.verdict.findings):
            return
        self._begin()
        self.more(report.record, last=True)
        for rank, record in ranks(report.record).items():
            if record is not report.record:
                self._points(Following(rank).points(record, last=True))
        self._findings(report.verdict.shown)
        self.tracker.report(report)
        self.moved = time.monotonic()
        self.tracker.close()
        self.ended = True

    def leave(self) -> None:
        """Give up, after something has failed."""
        with contextlib.suppress(Exception):  # it has failed before
            self.tracker.leave()

    def __str__(self) -> str:
        return f"{count(self._sent, 'number')} and {count(len(self._told), 'finding')} sent to {self.tracker}"

    def _begin(self) -> None:
        if not self._begun:
            self.tracker.begin()
            self._begun, self.moved = True, time.monotonic()

    def _points(self, lists: Iterable[Sequence[Point]]) -> None:
        for points in lists:
            self._begin()
            self.tracker.points(points)
            self._sent += len(points)
            self.moved = time.monotonic()

    def _findings(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            key = finding.code, finding.where.module, finding.where.line
            if key not in self._told:
                self._begin()
                self.tracker.finding(finding)
                self._told.add(key)
                self.moved = time.monotonic()


def said(error: Exception) -> str:
    """What to say of a tracker that failed, after its name."""
    return str(error) if isinstance(error, TrackerError) else f"failed: {type(error).__name__}: {plain(error)[:WORDS]}"
