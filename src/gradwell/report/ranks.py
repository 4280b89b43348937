"""What must be said of the processes of a run: which rank stopped, which left no record, and who else trained in its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gradwell.doctor.ranks import MOST, beside, company, named, process, ranks
from gradwell.doctor.record import Record

# what the backward pass of a rank fails with that waits for another one in vain
LOST = re.compile("gloo|nccl|connection (was )?(closed|reset|refused)|broken pipe|remote process|timed out|timeout", re.IGNORECASE)


def sentences(record: Record) -> Iterator[str]:
    """All there is to say of the other processes of a run."""
    if record.path is None:
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
    for rank, note in broken.items():
        yield f"rank {rank} of {world} failed in the backward pass {words(note)}"
    endless = {rank: record for rank, record in found.items() if not record.meta("finished")}
    gone = {rank: record for rank, record in found.items() if rank not in waited} if waited else endless
    together = not waited and len({record.steps for record in endless.values()}) < 2 and len(endless) == len(found)
    if not broken and not together:
        for rank, record in gone.items():
            how = "it ended by itself at" if record.meta("finished") else "its record has no end, as of a killed process, and goes to"
            yield f"rank {rank} of {world} stopped: {how} step {record.steps}"
    if waited and (gone or broken):
        whom = "it" if len(broken or gone) == 1 else "them"
        yield f"{named(waited)} waited for {whom} in the backward pass {words(next(iter(waited.values())), ', which failed')}"


def words(note: dict[str, Any], then: str = "") -> str:
    """When a backward pass failed, and of what."""
    return f"of step {note['step']}{then}: {note['error'].partition('. ')[0]}"
