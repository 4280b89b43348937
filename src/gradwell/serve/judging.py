"""What the doctor says of a run so far: judged once for each state of its record, and never more than a share of the time."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradwell.errors import RecordError
from gradwell.lab.workers import end, workers
from gradwell.project import project
from gradwell.report.assemble import of_record
from gradwell.report.json import as_json
from gradwell.serve.reading import Reading, Version

SHARE = 0.25  # of the time that judging one run anew may take while it grows
REMEMBERED = 64  # runs whose findings are kept
PROCESSES = 2  # that judge: one for the run on the screen, one for the list
LARGEST = 2_000_000  # readings that are judged; a rule must hold them in memory


@dataclass
class Judged:
    """What was said of a record, of which state of it and of the other ranks' records, and what that took."""

    state: tuple[Version, list[int]]
    found: dict[str, Any]
    seconds: float
    at: float


class Judge:
    """Remembers what was found in each record; judges in processes of its own, so that the page's other answers need not wait for it."""

    def __init__(self) -> None:
        self.known: dict[Path, Judged] = {}
        self.locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self.pool = workers(PROCESSES)

    def findings(self, path: Path) -> dict[str, Any]:
        """The findings of a record, as `gradwell judge --json` writes them; of a growing one, perhaps those of a moment ago."""
        with self.locks[path]:
            with Reading(path) as record:
                version = record.version()
            state = version, [file.stat().st_mtime_ns for file in sorted(path.parent.glob("record-*.sqlite"))]
            before = self.known.get(path)
            now = time.monotonic()
            if before and (before.state == state or now - before.at < before.seconds / SHARE):
                return before.found
            if version[0] > LARGEST:
                many = f"{path.parent.name} has {version[0]:,} readings"
                raise RecordError(f"{many}; the page judges up to {LARGEST:,}, use `gradwell judge`")
            found = self.ask(path)
            then = time.monotonic()
            self.known[path] = Judged(state, found, then - now, then)
            while len(self.known) > REMEMBERED:
                self.known.pop(next(iter(self.known)), None)
            return found

    def ask(self, path: Path) -> dict[str, Any]:
        """Have a record judged. Raises RecordError when it cannot be, or the process that judged it was ended."""
        pool = self.pool
        try:
            return pool.submit(judged, path).result()
        except BrokenProcessPool:
            self.pool = workers(PROCESSES) if self.pool is pool else self.pool
            raise RecordError(f"{path.parent.name} could not be judged: the process was ended; try again, or `gradwell judge`") from None

    def close(self) -> None:
        """End the processes."""
        end(self.pool)


def judged(path: Path) -> dict[str, Any]:
    """The findings, and with each the signals that it is about."""
    report = of_record(path, *project().asked())
    signals = {rule.code: [signal.name for signal in rule.signals] for rule in report.verdict.rules}
    found = as_json(report)
    for finding in found["findings"]:
        finding["signals"] = signals.get(finding["code"], [])
    if report.record:
        report.record.close()
    return found
