"""What must be said of the processes of a run: which rank stopped, which left no record, and who else trained in its folder."""

from __future__ import annotations

from collections.abc import Iterator

from gradwell.doctor.ranks import MOST, named, others, process, ranks, same_run
from gradwell.doctor.record import Record


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
    apart = [other for other in others(record) if this["world"] < 2 or not same_run(this, process(other))]
    again = sorted({process(other)["attempt"] for other in apart if this["world"] > 1} - {this["attempt"]})
    if again:
        first = min((other for other in apart if process(other)["attempt"] == again[-1]), key=lambda other: process(other)["rank"])
        yield (f"the workers were started anew {len(again)} time{'s' if len(again) > 1 else ''}, and what is said here is of attempt "
               f"{this['attempt'] + 1}; for the last one, `gradwell judge {first.path}`")
    elif apart:
        more = f"{len(apart)} more process{'es' if len(apart) > 1 else ''} trained, too, and left a"
        yield f"{more} record{' each' if len(apart) > 1 else ''} in {record.path.parent}; judge one with `gradwell judge FILE`"


def stopped(found: dict[int, Record], world: int) -> Iterator[str]:
    """Which ranks stopped before the others, and what became of those."""
    waited = {rank: record for rank, record in found.items() if (failed := record.meta("failed")) and failed["step"] >= record.steps}
    endless = {rank: record for rank, record in found.items() if not record.meta("finished")}
    gone = {rank: record for rank, record in found.items() if rank not in waited} if waited else endless
    if not waited and len({record.steps for record in endless.values()}) < 2 and len(endless) == len(found):
        return  # all were ended together
    for rank, record in gone.items():
        how = "it ended by itself at" if record.meta("finished") else "its record has no end, as of a killed process, and goes to"
        yield f"rank {rank} of {world} stopped: {how} step {record.steps}"
    if waited and gone:
        step, error = (next(iter(waited.values())).meta("failed")[key] for key in ("step", "error"))
        yield f"{named(waited)} waited for it in the backward pass of step {step}, which failed: {error.partition('. ')[0]}"
