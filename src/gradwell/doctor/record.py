"""A record: what was measured in one run, readings by signal, site and step, in one SQLite file.

The file is in write-ahead mode, so a killed run loses nothing that was flushed, and a rule can judge it again at any time.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gradwell.doctor.finding import Where
from gradwell.errors import RecordError

T = TypeVar("T")
APPLICATION = 0x47574C4C  # marks the file as ours
SCHEMA = 1
TABLES = """
create table site (id integer primary key, kind text, module text, type text, file text, line integer);
create table reading (signal text, site integer, step integer, value);
create table meta (key text primary key, value text);
"""


@dataclass(frozen=True)
class Site:
    """A place at which something is measured; `id` grows in the order of the forward pass."""

    id: int
    kind: str
    module: str
    type: str = ""
    file: str | None = None
    line: int | None = None

    @property
    def where(self) -> Where:
        """The same place as a finding names it."""
        return Where(self.module, self.type, self.file, self.line)


def lead(folder: Path) -> Path:
    """The record that speaks for a run: that of rank 0 or, where it left none, of the lowest rank that did."""
    first = folder / "record.sqlite"
    if first.is_file() and first.stat().st_size:
        return first
    found = [(rank, path.name) for path in folder.glob("record-*.sqlite") if (rank := rank_of(path)) is not None and path.stat().st_size]
    return folder / min(found)[1] if found else first


def leads(folder: Path) -> list[Path]:
    """The record that speaks for each run of a folder of runs."""
    return [lead(run) for run in {path.parent for path in folder.glob("*/record*.sqlite")}]


def rank_of(path: Path) -> int | None:
    """The rank of a process in the name of its record, `record-RANK-PID.sqlite`; None in a record of another name."""
    _, _, words = path.stem.partition("-")
    number = words.split("-")[0]
    return int(number) if number.isdecimal() else None


class Record:
    """What was measured in one run. Written by `watch`, read by rules and reports; a run in memory has no path."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.path = path
        self._db = connection
        self._lock = threading.Lock()
        self._pending: list[tuple[str, int, int, float | str]] = []
        self._index: dict[tuple[str, int | None], list[tuple[int, Any]]] | None = None
        self._found: dict[str, Any] = {}
        self._sites: dict[int, Site] = {row[0]: Site(*row) for row in connection.execute("select * from site order by id")}

    @classmethod
    def create(cls, path: Path | None = None) -> Record:
        """Begin a record, in a new file or (without a path) in memory.

        Raises RecordError when the file cannot be written.
        """
        try:
            db = sqlite3.connect(str(path) if path else ":memory:", check_same_thread=False)
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=normal")
            db.execute(f"pragma application_id={APPLICATION}")
            db.execute(f"pragma user_version={SCHEMA}")
            db.executescript(TABLES)
        except sqlite3.Error as error:
            raise RecordError(f"cannot write the record {path}: {error}") from error
        return cls(db, path)

    @classmethod
    def open(cls, path: Path) -> Record:
        """Open a saved record for reading; `path` is the file or the run folder that holds it.

        Raises RecordError when there is none, or when the file is damaged, foreign or of a later version.
        """
        try:
            file = lead(path) if path.is_dir() else path
            there = file.is_file()
        except OSError as error:
            raise RecordError(f"cannot read {path}: {error.strerror}") from error
        if not there:
            raise RecordError(f"no record at {path}; give a run folder such as gradwell-runs/TIME-SCRIPT, or its record.sqlite")
        for mode in ("mode=ro", "immutable=1"):  # the second serves a read-only disk, where the log cannot be opened
            with contextlib.suppress(sqlite3.OperationalError):
                return cls._opened(file, mode)
        raise RecordError(f"{file} cannot be read as a record")

    @classmethod
    def _opened(cls, file: Path, mode: str) -> Record:
        try:
            db = sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, check_same_thread=False)
            (application,), (schema,) = (db.execute(f"pragma {name}").fetchone() for name in ("application_id", "user_version"))
            if application == 0 and db.execute("pragma journal_mode").fetchone() == ("wal",) and not db.execute(
                    "select * from sqlite_master").fetchone():
                raise RecordError(f"{file} is empty: what a run has written until it was killed lies in {file.name}-wal; "
                                  "copy that with it, or the whole folder")
            if application != APPLICATION:
                raise RecordError(f"{file} is not a record of gradwell; records are called record.sqlite and lie in run folders")
            if schema != SCHEMA:
                raise RecordError(f"{file} has record version {schema}; this gradwell reads version {SCHEMA}")
            if db.execute("pragma quick_check").fetchone() != ("ok",):
                raise RecordError(f"{file} is damaged; run the script again")
            return cls(db, file)
        except sqlite3.OperationalError:
            raise
        except (sqlite3.DatabaseError, TypeError, UnicodeDecodeError) as error:
            raise RecordError(f"{file} is damaged or not a record of gradwell: {error}") from error

    # writing

    def site(self, kind: str, module: str, type: str = "", file: str | None = None, line: int | None = None) -> int:
        """Register a place and return its id."""
        file = file and file.encode("utf-8", "replace").decode("utf-8")  # a name that is no text has no place in SQLite
        site = Site(len(self._sites) + 1, kind, module, type, file, line)
        self._sites[site.id] = site
        with self._lock:
            self._db.execute("insert into site values (?,?,?,?,?,?)", (site.id, kind, module, type, file, line))
        return site.id

    def add(self, signal: str, site: int, step: int, value: float | str) -> None:
        """Note one reading; it reaches the file with the next flush."""
        with self._lock:
            self._pending.append((signal, site, step, value))

    def fact(self, signal: str, site: int, step: int, value: object) -> None:
        """Note something that is not a number, as JSON."""
        self.add(signal, site, step, json.dumps(value))

    def note(self, key: str, value: object) -> None:
        """Keep something about the run as a whole; a later value replaces an earlier one."""
        with self._lock:
            self._db.execute("insert or replace into meta values (?,?)", (key, json.dumps(value)))

    def flush(self) -> None:
        """Write what is pending. Raises sqlite3.Error when the disk refuses."""
        with self._lock:
            rows, self._pending, self._index, self._found = self._pending, [], None, {}
            # NaN has no place in SQLite (it becomes NULL), so non-finite numbers travel as text
            self._db.executemany("insert into reading values (?,?,?,?)", [
                (signal, site, step, value if isinstance(value, str) or abs(value) < float("inf") else repr(float(value)))
                for signal, site, step, value in rows
            ])
            self._db.commit()

    def close(self) -> None:
        """Write what is pending and close the file."""
        try:
            self.flush()
        finally:
            self._db.close()

    # reading

    def sites(self, kind: str | None = None) -> list[Site]:
        """All places, or those of a kind, in the order of the forward pass."""
        return [site for site in self._sites.values() if kind in (None, site.kind)]

    def series(self, signal: str, site: Site | None = None) -> list[tuple[int, float]]:
        """The readings of a signal as (step, value), ordered by step; several in one step are averaged."""
        merged: dict[int, list[float]] = {}
        for step, value in self._rows(signal, site):
            merged.setdefault(step, []).append(float(value))
        return [(step, sum(values) / len(values)) for step, values in sorted(merged.items())]

    def facts(self, signal: str, site: Site | None = None) -> Iterator[tuple[int, Any]]:
        """The facts of a signal as (step, value), in the order in which they were noted."""
        for step, value in self._rows(signal, site):
            yield step, json.loads(value)

    def once(self, name: str, find: Callable[[Record], T]) -> T:
        """What is found in this record, found once for each state of it: every rule may ask whether the run has learned."""
        if self._pending:
            self.flush()
        if name not in self._found:
            self._found[name] = find(self)
        found: T = self._found[name]
        return found

    def after(self, row: int, signals: Sequence[str], most: int = 1000) -> list[tuple[int, str, Site | None, int, float]]:
        """The next readings of some signals after a row, as (row, signal, place, step, value), for whoever follows a run as it is written.

        A place of None is the run as a whole. Any thread may ask, and whoever writes waits no longer than `most` readings take.
        """
        query = ("select r.rowid, signal, step, value, s.id, kind, module, type, file, line "
                 "from reading r left join site s on s.id = r.site "
                 f"where r.rowid > ? and signal in ({','.join('?' * len(signals))}) order by r.rowid limit ?")
        with self._lock:
            rows = self._db.execute(query, (row, *signals, most)).fetchall()
        return [(number, signal, Site(*site) if site[0] else None, step, float(value)) for number, signal, step, value, *site in rows]

    def copy(self) -> Record:
        """A copy in memory of what was flushed so far, which another thread may judge while this record grows."""
        taken = sqlite3.connect(":memory:", check_same_thread=False)
        with self._lock:
            self._db.commit()  # SQLite copies nothing while a change is under way
            self._db.backup(taken)
        return Record(taken, self.path)

    def _rows(self, signal: str, site: Site | None) -> list[tuple[int, Any]]:
        if self._pending:
            self.flush()
        if self._index is None:  # a record is read once, not once for every rule and site
            self._index = {}
            for name, place, step, value in self._db.execute("select signal, site, step, value from reading order by rowid"):
                self._index.setdefault((name, place), []).append((step, value))
                self._index.setdefault((name, None), []).append((step, value))
        return self._index.get((signal, site.id if site else None), [])

    def meta(self, key: str, default: Any = None) -> Any:
        """What was noted about the run as a whole under `key`."""
        with self._lock:
            row = self._db.execute("select value from meta where key=?", (key,)).fetchone()
        return json.loads(row[0]) if row else default

    @property
    def steps(self) -> int:
        """How many times the weights were updated."""
        return int(self.meta("steps", 0))

