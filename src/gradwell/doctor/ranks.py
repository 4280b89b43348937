"""The ranks of a run: processes that trained together, each of which wrote a record of its own. Read together they are one.

A record of rank 0 finds the others beside it in its folder. Nothing is ever merged on the disk, so nothing can be lost there.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.record import Record, Site, rank_of
from gradwell.errors import RecordError

MOST = 64  # ranks of one run that are read
SAME = ("world", "attempt", "port")  # what processes that train together share
Series = dict[int, dict[int, float]]  # by rank, by step


def process(record: Record) -> dict[str, Any]:
    """Which process a record was written by, and when it began; alone where that was not noted."""
    known = {"rank": 0, "world": 1, "attempt": 0, "port": 0, "host": "", "pid": 0}
    return known | (record.meta("process") or {}) | {"started": record.meta("started", 0.0)}


def ranks(record: Record) -> dict[int, Record]:
    """The records of all ranks, by rank, this one among them. Empty where it trained alone, or a lower rank speaks for the run."""
    found = company(record)
    return found if found and min(found) == process(record)["rank"] else {}


def company(record: Record) -> dict[int, Record]:
    """The same, whichever rank asks."""
    return record.once("ranks", together)


def together(record: Record) -> dict[int, Record]:
    """The records of the processes that trained together with this one, from the first rank on; of very many, evenly spaced ones.

    Of several processes with the same rank, as of runs that one script makes in turn, the one that began at about the same time counts.
    """
    this = process(record)
    if this["world"] < 2:
        return {}
    found = {this["rank"]: record}
    alike = {path: other for path, other in beside(record).items() if all(this[key] == other[key] for key in SAME)}
    rivals = [other for other in alike.values() if other["rank"] == this["rank"]]
    for rank in {other["rank"] for other in alike.values()} - {this["rank"]}:
        path, other = min((pair for pair in alike.items() if pair[1]["rank"] == rank), key=lambda pair: apart(this, pair[1]))
        if all(apart(rival, other) >= apart(this, other) for rival in rivals):
            with contextlib.suppress(RecordError):
                found[rank] = Record.open(path)
    found = {rank: found[rank] for rank in sorted(found)}
    for one in found.values():
        if one is not record:
            one.once("ranks", lambda _: found)  # or each would look for all others again
    return found


def apart(this: dict[str, Any], other: dict[str, Any]) -> float:
    """Seconds between the first steps of two processes."""
    return abs(float(this["started"] - other["started"]))


def beside(record: Record) -> dict[Path, dict[str, Any]]:
    """The other processes whose records lie in the folder, can be read and have begun, by file; of very many ranks, evenly spaced ones."""
    return record.once("beside", look)


def look(record: Record) -> dict[Path, dict[str, Any]]:
    """Read from each file in the folder whose it is. None stays open: there may be more than a process may open."""
    if record.path is None:
        return {}
    files = {path: rank_of(path) or 0 for path in sorted(record.path.parent.glob("record*.sqlite")) if path != record.path}
    numbers = sorted({*files.values(), process(record)["rank"]})
    chosen, found = set(numbers[:: 1 + (len(numbers) - 1) // MOST]), {}
    for path in (path for path, rank in files.items() if rank in chosen):
        with contextlib.suppress(RecordError, OSError):
            if path.stat().st_size:
                other = Record.open(path)
                if other.meta("started"):
                    found[path] = process(other)
                other.close()
    return found


def by_rank(records: dict[int, Record], signal: str, site: Site) -> Series:
    """The readings of a signal at the same place on every rank, where all of them have such a place; at the steps that all of them read.

    site: a place of the first rank. Of several models whose places have the same names, first is compared with first, second with second.
    """
    found: Series = {}
    key = site.kind, site.module, site.type
    number = records[min(records)].once("namesakes", namesakes)[key].index(site)
    for rank, record in records.items():
        same = record.once("namesakes", namesakes).get(key, [])
        if len(same) <= number:
            return {}
        found[rank] = dict(record.series(signal, same[number]))
    return at_common_steps(found)


def namesakes(record: Record) -> dict[tuple[str, str, str], list[Site]]:
    """The places of a record by their names, which several models may share."""
    found: dict[tuple[str, str, str], list[Site]] = {}
    for site in record.sites():
        found.setdefault((site.kind, site.module, site.type), []).append(site)
    return found


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
