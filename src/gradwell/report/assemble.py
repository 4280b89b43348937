"""Bringing together what a report is made of: a run folder's record, the verdict on it, and what else must be said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from gradwell.doctor.judge import Verdict, judge
from gradwell.doctor.learned import Learned
from gradwell.doctor.record import Record, lead
from gradwell.doctor.rule import Rule
from gradwell.errors import RecordError
from gradwell.report.data import Report
from gradwell.report.ranks import runs, sentences

CUT = ("the record has no end: the process was killed or left without Python's own end, or the record could not be written any more; "
       "what came last may be missing")

GOING = "the run goes on; what is said here is of the part that is written"


def of_record(path: Path, rules: Iterable[Rule] | None = None, notices: tuple[str, ...] = ()) -> Report:
    """The report on a saved record.

    Raises RecordError when it cannot be read.
    """
    return judged(Record.open(path), rules, notices)


def of_run(folder: Path | None, notices: Iterable[str], rules: Iterable[Rule] | None = None, whole: bool = True) -> Report:
    """The report on a run that has just ended, which may have left no record.

    Raises RecordError when it left one that cannot be read.
    """
    said = tuple(notices)
    if folder is not None:
        files = sorted(folder.glob("record*.sqlite"), key=lambda path: (path != lead(folder), path.name))
        opened = (Record.open(path) for path in files if path.stat().st_size)
        if (begun := next((record for record in opened if record.meta("started")), None)) is not None:
            return judged(begun, rules, said, whole)
        said = (*said, "the record could not be written" if files else why_nothing(folder))
    return Report(None, Verdict((), (), Learned("unknown")), said)


def judged(record: Record, rules: Iterable[Rule] | None, notices: tuple[str, ...] = (), whole: bool = True) -> Report:
    """The report on a record that was opened.

    Raises RecordError when what it holds makes no sense.
    """
    try:
        cut = () if record.meta("finished") or not record.meta("started") else (GOING,) if runs(record) else (CUT,)
        return Report(record, judge(record, rules), (*notices, *cut, *sentences(record)), whole and not cut)
    except Exception as error:
        raise RecordError(f"{record.path} cannot be judged, it may be damaged: {type(error).__name__}: {error}") from error


def why_nothing(folder: Path) -> str:
    """Why a run left no record."""
    seen = folder / "torch.txt"
    if not seen.exists():
        return "the script did not import torch, so there was nothing to watch"
    version = seen.read_text(encoding="utf-8")
    if not version[:1].isdigit():
        return version
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < (2, 6):
        return f"torch {version} is too old to be watched; Gradwell needs 2.6 or later"
    return "the script did not train with torch: backward() was never called on a loss"
