"""How far and how fast the weights move, from the sizes of single updates relative to the weights."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median

from gradwell.doctor import signals
from gradwell.doctor.learned import finite
from gradwell.doctor.record import Record


def update_sizes(record: Record) -> list[tuple[int, float]]:
    """The relative update of the median weight matrix, by step; a matrix of zeros has none and is left out."""
    found: dict[int, list[float]] = {}
    for site in record.sites("parameter"):
        for step, value in finite(record.series(signals.UPDATE_RATIO.name, site)):
            found.setdefault(step, []).append(value)
    return [(step, median(values)) for step, values in sorted(found.items())]


def longest_way(record: Record) -> float:
    """How far, relative to its size, the weight matrix that moved most can have come in the whole run; infinite if one was zero."""
    ways = []
    for site in record.sites("parameter"):
        sizes = record.series(signals.UPDATE_RATIO.name, site)
        if sizes:
            ways.append(way(sizes, record.steps))
    return max(ways, default=math.inf)


def way(sizes: list[tuple[int, float]], steps: int) -> float:
    """The sum of all updates of a run, each between two looks taken to be the larger of the two."""
    if any(not math.isfinite(size) for _, size in sizes):
        return math.inf
    between = pairwise(sizes)
    return sizes[0][1] * sizes[0][0] + sum((b - a) * max(x, y) for (a, x), (b, y) in between) + (steps - sizes[-1][0]) * sizes[-1][1]
