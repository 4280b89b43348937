"""What must be said of the processes of a run: which rank stopped, which left no record, and who else trained in its folder."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from typing import Any

from gradwell.doctor.ranks import MOST, beside, company, named, process, ranks
from gradwell.doctor.record import Record

# what a rank fails with that waits for another one in vain
LOST = re.compile("gloo|nccl|connection (was )?(closed|reset|refused)|broken pipe|remote process|timed out|timeout", re.IGNORECASE)

ENDLESS = ("stopped: its record has no end, as of a killed process, and goes to",
           "stopped: their records have no end, as of killed processes, and go to")
ENDED = ("stopped: it ended by itself at", "stopped: they ended by themselves at")
AWAY = ("was killed or still runs on its own machine: its record has no end, and goes to",
        "were killed or still run on their own machine: their records have no end, and go to")


def sentences(record: Record) -> Iterator[str]:
    """All there is to say of the other processes of a run."""
    if record.path is None:
        if (world := process(record)["world"]) > 1:
            yield (f"{world} processes train, and what is said here is of one of them: they are compared where each has given "
                   "gradwell.watch the same run_dir")
        return
    this, found = process(record), ranks(record)
    if found:
        yield from stopped(found, this["world"])
        missing = [rank for rank in range(this["world"]) if rank not in found]
        if this["world"] > MOST:
            yield f"of {this['world']} ranks, {len(found)} were compared"
        elif missing:
            yield (f"{named(missing)} of {this['world']} left no record that can be read in {record.path.parent}: a process may have "
                   "ended before its first backward pass, or have written to another machine's disk")
    mine = {one.path for one in company(record).values()}
    apart = {path: other for path, other in beside(record).items() if path not in mine}
    again = {path: other for path, other in apart.items() if other["world"] > 1 and other["attempt"] != this["attempt"]}
    if again and this["world"] > 1:
        last = max(this["attempt"], *(other["attempt"] for other in again.values()))
        path = min((path for path in again if again[path]["attempt"] == last), key=lambda path: again[path]["rank"], default=None)
        yield (f"the workers were started anew {last} time{'s' if last > 1 else ''}, and what is said here is of attempt "
               f"{this['attempt'] + 1}{f'; for the last one, `gradwell judge {path}`' if path else ''}")
    elif apart:
        more = f"{len(apart)} more process{'es' if len(apart) > 1 else ''} trained, too, and left a"
        yield f"{more} record{' each' if len(apart) > 1 else ''} in {record.path.parent}; judge one with `gradwell judge FILE`"


def stopped(found: dict[int, Record], world: int) -> Iterator[str]:
    """Which ranks stopped before the others, and what became of those."""
    failed = {rank: note for rank, record in found.items() if (note := record.meta("failed")) and note["step"] >= record.steps}
    waited = {rank: note for rank, note in failed.items() if LOST.search(note["error"])}
    broken = {rank: note for rank, note in failed.items() if rank not in waited}
    running = [rank for rank, record in found.items() if runs(record)]
    endless = [rank for rank, record in found.items() if not record.meta("finished") and rank not in running]
    gone = [rank for rank in found if rank not in waited and rank not in running] if waited else endless
    if not waited and len({found[rank].steps for rank in endless}) < 2 and len(endless) == len(found):
        gone = []  # all were ended together
    told: dict[tuple[str, str], list[int]] = {}  # what is said of one rank, and of several, by the ranks of which it is true
    for rank, note in broken.items():
        told.setdefault((f"failed {when(note)}: {short(note)}",) * 2, []).append(rank)
    for rank in gone if not broken else []:
        elsewhere = rank in endless and process(found[rank])["host"] not in ("", socket.gethostname())
        how = AWAY if elsewhere else ENDLESS if rank in endless else ENDED
        of_one, of_several = (f"{words} step {found[rank].steps}" for words in how)
        told.setdefault((of_one, of_several), []).append(rank)
    for (of_one, of_several), those in told.items():
        yield f"{named(those)} of {world} {of_one if len(those) == 1 else of_several}"
    if waited and told:
        first, whom = next(iter(waited.values())), "it" if len(broken or gone) == 1 else "them"
        yield f"{named(waited)} waited for {whom} {when(first)}, which failed: {short(first)}"


def runs(record: Record) -> bool:
    """Whether the process that writes a record goes on, as far as this machine knows."""
    this = process(record)
    if record.meta("finished") or not this["pid"] or this["host"] != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(this["pid"], 0)  # is only asked whether it is there
    except PermissionError:  # it is another user's
        return True
    except OSError:
        return False
    return True


def when(note: dict[str, Any]) -> str:
    """Where in the run an error came; records of earlier versions know those of backward passes only."""
    return f"{'in the backward pass of' if note.get('backward', True) else 'after'} step {note['step']}"


def short(note: dict[str, Any]) -> str:
    """What an error says first."""
    return str(note["error"].partition(". ")[0])
