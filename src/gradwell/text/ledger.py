"""What of a folder's tables is done: a file of JSON lines in the output folder, which a killed job leaves whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gradwell.errors import DataError

NAME = "_gradwell.jsonl"  # readers of folders pass over names that begin with _
Stamp = tuple[int, int]


class Ledger:
    """The job on the first line, then a line for each table that was written whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.done: dict[str, dict[str, Any]] = {}

    def read(self, lines: list[bytes]) -> None:
        """The tables that are done; a line that was cut off says nothing."""
        for line in lines:
            try:
                entry = json.loads(line)
                self.done[entry["table"]] = entry
            except (ValueError, TypeError, KeyError):
                continue
        if lines and not lines[-1].endswith(b"\n"):
            self.file.write(b"\n")

    def holds(self, table: str, of: Stamp) -> bool:
        """Whether a table is done, its input being still the same."""
        return self.done.get(table, {}).get("input") == list(of)

    def enter(self, table: str, rows: int, of: Stamp) -> None:
        """Note a table that was written whole."""
        self.done[table] = {"table": table, "rows": rows, "input": list(of)}
        self.write(self.done[table])

    def write(self, entry: Mapping[str, Any]) -> None:
        """A line, at once."""
        self.file.write(json.dumps(entry).encode() + b"\n")
        self.file.flush()


@contextmanager
def opened(folder: Path, facts: Mapping[str, Any]) -> Iterator[Ledger]:
    """The ledger of a folder, begun where there is none; while it is open no other process can open it.

    facts: what must be the same for all tables of the folder, by name. Raises DataError when the folder was begun with
    other facts, holds something else, is in use, or cannot be written.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists() and any(folder.iterdir()):
            raise DataError(f"{folder} is not empty; labels of a folder need a folder of their own")
        file = path.open("a+b")
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}") from None
    with file:
        hold(file, folder)
        file.seek(0)
        ledger, lines = Ledger(file), file.read().splitlines(keepends=True)
        if len(lines) > 1:
            compare(folder, lines[0], facts)
            ledger.read(lines[1:])
        else:  # nothing is done yet
            file.truncate(0)
            ledger.write(facts)
        yield ledger


def hold(file: IO[bytes], folder: Path) -> None:
    """Keep other processes from writing to the folder while this one lives."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataError(f"another process is writing to {folder}; wait until it has ended") from None
    except OSError:  # a file system without locks
        return


def compare(folder: Path, line: bytes, facts: Mapping[str, Any]) -> None:
    """Complain where the folder was begun with something else."""
    try:
        before = dict(json.loads(line))
    except (ValueError, TypeError):
        raise DataError(f"{folder / NAME} is damaged; name another output folder") from None
    for name in {**facts, **before}:
        if before.get(name) != facts.get(name):
            was, now = (json.dumps(values.get(name)) for values in (before, facts))
            raise DataError(f"{folder} was begun with {name} {was}, and now it is {now}; name another output folder")


def stamp(path: str | os.PathLike[str]) -> Stamp:
    """Size in bytes and time of last change in nanoseconds; zeros where there is nothing."""
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
