"""Bringing together what a report is made of: a run folder's record, the verdict on it, and what else must be said."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gradwell.doctor.judge import Verdict, judge
from gradwell.doctor.learned import Learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.report.data import Report


def of_record(path: Path, rules: Iterable[Rule] | None = None) -> Report:
    """The report on a saved record.

    Raises RecordError when it cannot be read.
    """
    record = Record.open(path)
    return Report(record, judge(record, rules), others(record.path.parent if record.path else None))


def of_run(folder: Path | None, notices: Iterable[str], rules: Iterable[Rule] | None = None) -> Report:
    """The report on a run that has just ended, which may have left no record.

    Raises RecordError when it left one that cannot be read.
    """
    said = tuple(notices)
    if folder is not None:
        records = sorted(folder.glob("record*.sqlite"), key=lambda path: path.name != "record.sqlite")
        if records:
            record = Record.open(records[0])
            return Report(record, judge(record, rules), (*said, *others(folder)))
        said = (*said, why_nothing(folder))
    return Report(None, Verdict((), (), Learned("unknown")), said)


def others(folder: Path | None) -> tuple[str, ...]:
    """What to say of the other processes of a run."""
    count = len(list(folder.glob("record-*.sqlite"))) if folder else 0
    if not count:
        return ()
    return (f"{count} more process{'es' if count > 1 else ''} trained, too, and left records in {folder}; judge one with `gradwell judge FILE`",)


def why_nothing(folder: Path) -> str:
    """Why a run left no record."""
    seen = folder / "torch.txt"
    if not seen.exists():
        return "the script did not import torch, so there was nothing to watch"
    version = seen.read_text()
    if tuple(map(int, version.split("+")[0].split(".")[:2])) < (2, 6):
        return f"torch {version} is too old to be watched; Gradwell needs 2.6 or later"
    return "the script did not train: backward() was never called on a loss"
