"""The ranks of a run: processes that trained together, each of which wrote a record of its own. Read together they are one.

A record of rank 0 finds the others beside it in its folder. Nothing is ever merged on the disk, so nothing can be lost there.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.record import Record, Site
from gradwell.errors import RecordError

MOST = 64  # ranks of one run that are read
Series = dict[int, dict[int, float]]  # by rank, by step


def process(record: Record) -> dict[str, Any]:
    """Which process a record was written by; alone where that was not noted."""
    return {"rank": 0, "world": 1, "attempt": 0} | (record.meta("process") or {})


def ranks(record: Record) -> dict[int, Record]:
    """The records of all ranks, by rank, this one among them. Empty where it trained alone, or a lower rank speaks for the run."""
    found = record.once("ranks", together)
    return found if found and min(found) == process(record)["rank"] else {}


def together(record: Record) -> dict[int, Record]:
    """The records of the processes that trained together with this one, from the first rank on; of very many, evenly spaced ones."""
    this = process(record)
    if this["world"] < 2 or record.path is None:
        return {}
    found = {this["rank"]: record}
    for other in others(record):
        if same_run(this, process(other)):
            found.setdefault(process(other)["rank"], other)
    numbers = sorted(found)
    return {number: found[number] for number in numbers[:: 1 + (len(numbers) - 1) // MOST]}


def same_run(this: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two processes trained together: of as many, and in the same attempt of torchrun."""
    return bool(this["world"] == other["world"] and this["attempt"] == other["attempt"])


def others(record: Record) -> Iterator[Record]:
    """The other records in the folder that can be read and have begun."""
    assert record.path is not None
    for path in sorted(record.path.parent.glob("record*.sqlite")):
        if path != record.path and path.stat().st_size:
            with contextlib.suppress(RecordError):
                other = Record.open(path)
                if other.meta("started"):
                    yield other


def by_rank(records: dict[int, Record], signal: str, site: Site) -> Series:
    """The readings of a signal at the same place on every rank, where all of them have such a place; at the steps that all of them read."""
    found: Series = {}
    for rank, record in records.items():
        same = next((one for one in record.sites(site.kind) if one.module == site.module and one.type == site.type), None)
        if same is None:
            return {}
        found[rank] = dict(record.series(signal, same))
    return at_common_steps(found)


def at_common_steps(series: Series) -> Series:
    """Only the steps that every rank has."""
    steps = set.intersection(*(set(one) for one in series.values())) if series else set()
    return {rank: {step: one[step] for step in sorted(steps)} for rank, one in series.items()}


def of_run(records: dict[int, Record], signal: str) -> Series:
    """The readings of a signal of the run as a whole, at the steps that all ranks read."""
    return at_common_steps({rank: dict(record.series(signal)) for rank, record in records.items()})


def gradient_norms(record: Record) -> list[tuple[int, float]]:
    """The norm of the whole gradient as (step, value). Of a gradient in shards it is put together from the squares of all ranks, at the
    steps that all of them read; where those are few, as a rank may choose its own, it is the norm of this rank's shards.
    """
    own = record.series(signals.SHARD_NORM.name)
    together = of_run(ranks(record), signals.SHARD_NORM.name)
    steps = next(iter(together.values()), {})
    merged = [(step, math.hypot(*(one[step] for one in together.values()))) for step in steps]
    return record.series(signals.GRADIENT_NORM.name) or (merged if 2 * len(merged) >= len(own) else own)


def named(numbers: Iterable[int]) -> str:
    """Ranks in words: `rank 1`, `ranks 0 and 2`, `ranks 0 to 3`."""
    found = sorted(numbers)
    if len(found) < 2:
        return f"rank {found[0]}" if found else "no rank"
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"ranks {found[0]} to {found[-1]}"
    return f"ranks {', '.join(map(str, found[:-1]))} and {found[-1]}"


def at(series: Series, step: int) -> str:
    """What each rank read at a step, in the order of the ranks."""
    return ", ".join(f"{one[step]:.3g}" for one in series.values() if step in one)
