"""Sending a run while it goes on, from a thread of its own, so that the run never waits for a tracker.

Whatever fails or hangs there, the run goes on, nothing of the record is lost, and the user is told in one line.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.errors import RecordError
from gradwell.integrations.trackers.sending import Sending, said
from gradwell.integrations.trackers.tracker import Tracker
from gradwell.report.data import Report

FIRST = 20.0  # seconds until the record is judged for the first time, which shorter runs are spared
PERIOD = 2.0  # seconds between two looks at the record, at least
SHARE = 0.005  # of a processor's time that sending may take while the run goes on, and judging as much again
PATIENCE = 60.0  # seconds that a tracker has for each answer once the run has ended


class Alongside:
    """A thread that sends what a record holds, from `start` to `finish`.

    tracker: makes it, in the thread. find: the record, or None as long as there is none. again: how the user gets what was not sent, for
    the line that tells of a failure. rules: that are asked while the run goes on.
    """

    def __init__(self, tracker: Callable[[], Tracker], find: Callable[[], Record | None], again: str,
                 rules: Iterable[Rule] | None = None) -> None:
        self._tracker, self._find, self._again, self._rules = tracker, find, again, rules
        self._sending: Sending | None = None
        self._ended = threading.Event()
        self._report: Callable[[], Report] | None = None
        self._thread = threading.Thread(target=self._guarded, name="gradwell tracker", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def finish(self, report: Callable[[], Report]) -> str:
        """Send the rest and the report, and wait for it, so long as the tracker goes on answering. Says what was sent, if all was."""
        self._report = report
        begun = time.monotonic()
        self._ended.set()
        while self._thread.is_alive():
            self._thread.join(0.2)
            moved = max(begun, self._sending.moved if self._sending else 0)
            if time.monotonic() - moved > PATIENCE:
                self._tell(f"has not answered for {PATIENCE:g} seconds")
                return ""
        return str(self._sending) if self._sending and self._sending.ended else ""

    def _guarded(self) -> None:
        try:
            self._send()
        except Exception as error:  # noqa: BLE001 - whatever somebody else's library raises, the run goes on
            self._tell(said(error))
            if self._sending:
                self._sending.leave()

    def _send(self) -> None:
        self._sending = Sending(self._tracker(), self._rules)
        pause, due = PERIOD, time.monotonic() + FIRST
        while not self._ended.wait(pause):
            if (record := self._find()) is None:
                continue
            begun = time.thread_time()
            self._sending.more(record)
            sent = time.thread_time()
            pause = max(PERIOD, (sent - begun) / SHARE)
            if time.monotonic() >= due:
                self._sending.certain(record)
                due = time.monotonic() + (time.thread_time() - sent) / SHARE
        if self._report is not None:
            self._sending.end(self._report())

    def _tell(self, what: str) -> None:
        name = self._sending.tracker if self._sending else "the tracker"
        with contextlib.suppress(OSError, ValueError, AttributeError):  # stderr may be closed, or there may be none
            print(f"gradwell: {name} {what}; nothing more is sent there. {self._again}", file=sys.stderr, flush=True)  # noqa: T201


def growing(folder: Path) -> Callable[[], Record | None]:
    """Finds the record of a run that is under way, as soon as there is one: of ranks that of the first, which may come after others'."""
    found: list[Record] = []

    def find() -> Record | None:
        if not found:
            with contextlib.suppress(RecordError, OSError):  # there is none yet, or it has just been begun
                found.append(Record.open(folder / "record.sqlite"))
        return found[0] if found else None

    return find


def again(folder: Path | None) -> str:
    """How the user gets what was not sent."""
    return f"The record in {folder} is whole; `gradwell track {folder}` sends it again." if folder else "The report has it all."
