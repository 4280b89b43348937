"""Reads records for the page: read-only, one series or many in one pass, thinned as they come, within limits, however long the run.

A record may come from anybody: what is no plain table is refused, queries have a time limit, texts are cut, facts of more than a megabyte
are left out.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradwell.doctor.record import APPLICATION, SCHEMA
from gradwell.errors import RecordError
from gradwell.report.thinning import Point, Series
from gradwell.report.words import plain

SECONDS = 20.0  # that one question may take
SITES, TEXT, FACT = 20_000, 400, 1_000_000  # places of a record, characters of a name, characters of a fact
POINTS = 1200  # of a series
UNREADABLE = (ValueError, TypeError, RecursionError, OverflowError)  # what a text that is no JSON may end in
WAIT = 1.0  # seconds for a record that somebody else has locked
Version = tuple[int, int, bool]
TICKS = 50_000  # of SQLite's machine, between two looks at the clock


@dataclass(frozen=True)
class Place:
    """A place at which something was measured."""

    id: int
    kind: str
    module: str
    type: str
    file: str
    line: int | None

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"id": self.id, "kind": self.kind, "module": self.module, "type": self.type, "file": self.file, "line": self.line}


class Reading:
    """An open record. Close it after use; `with Reading(path) as record` does."""

    def __init__(self, path: Path) -> None:
        """Raises RecordError when the file is no record that this version reads."""
        self.path = path
        self.until = time.monotonic() + SECONDS
        try:
            self.db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False, timeout=WAIT)
            self.db.set_progress_handler(self.late, TICKS)
            self.db.execute("pragma trusted_schema=off")
            (application,), (schema,) = (self.db.execute(f"pragma {name}").fetchone() for name in ("application_id", "user_version"))
            tables = {name for (name,) in self.db.execute("select name from sqlite_master where type='table'")}
            others = self.db.execute("select count(*) from sqlite_master where type in ('view', 'trigger')").fetchone()[0]
        except sqlite3.Error as error:
            raise RecordError(f"{path} cannot be read as a record: {error}") from None
        if application != APPLICATION or schema != SCHEMA or others or not {"site", "reading", "meta"} <= tables:
            self.db.close()
            raise RecordError(f"{path} is not a record that this version of gradwell reads")

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def late(self) -> int:
        """Whether a question takes too long."""
        return int(time.monotonic() > self.until)

    def ask(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query. Raises RecordError when the file is damaged or the time is over."""
        try:
            yield from self.db.execute(query, values)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            why = f"more than {SECONDS:g} seconds" if "interrupted" in str(error) else str(error)
            raise RecordError(f"{self.path} cannot be read: {why}") from None

    def meta(self) -> dict[str, Any]:
        """All that was noted about the run as a whole."""
        found = {}
        for key, text in self.ask("select key, value from meta where length(value) <= ? limit 1000", (FACT,)):
            with contextlib.suppress(*UNREADABLE):
                found[str(key)] = json.loads(text)
        return found

    def places(self, *kinds: str) -> list[Place]:
        """The places of some kinds, or all, in the order of the forward pass."""
        rows = self.ask("select id, kind, module, type, file, line from site order by id limit ?", (SITES,))
        found = []
        for i, *texts, line in rows:
            kind, module, what, file = (plain(text or "")[:TEXT] for text in texts)
            if isinstance(i, int) and (not kinds or kind in kinds):
                found.append(Place(i, kind, module, what, file, line if isinstance(line, int) else None))
        return found

    def series(self, signals: Sequence[str], most: int = POINTS) -> dict[tuple[str, int], list[Point]]:
        """The readings of some signals at every place in one pass, each series thinned to `most` points."""
        marks = ",".join("?" * len(signals))
        found: dict[tuple[str, int], Series] = {}
        for signal, site, step, value in self.ask(f"select signal, site, step, value from reading where signal in ({marks})", signals):
            try:
                number = float(value)
            except (ValueError, TypeError):
                continue
            if isinstance(step, int):
                key = signal, site
                if key not in found:
                    found[key] = Series()
                found[key].add(step, number)
        return {key: series.points(most) for key, series in found.items()}

    def facts(self, signal: str) -> Iterator[tuple[int, int, Any]]:
        """The facts of a signal: place, step and what was noted."""
        for site, step, text in self.ask("select site, step, value from reading where signal=? and length(value) <= ?", (signal, FACT)):
            with contextlib.suppress(*UNREADABLE):
                yield int(site), int(step), json.loads(text)

    def counted(self) -> dict[str, int]:
        """How many readings each signal has."""
        return {str(name): count for name, count in self.ask("select signal, count(*) from reading group by signal")}

    def version(self) -> Version:
        """Changes whenever the record does: the last reading's number, the updates so far, and whether it has ended."""
        (last,), = self.ask("select coalesce(max(rowid), 0) from reading")
        steps = next(iter(self.ask("select value from meta where key='steps'")), ("0",))[0]
        ended = bool([*self.ask("select 1 from meta where key='finished'")])
        return last, int(steps) if str(steps).isdecimal() and len(str(steps)) < 19 else 0, ended
