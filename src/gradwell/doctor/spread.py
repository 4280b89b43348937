"""How much the examples differ, from the network's input to its last layer."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.gains import ordered
from gradwell.doctor.record import Record, Site

BLOCKED = 0.9  # share of a layer's units that are never active


@dataclass(frozen=True)
class Place:
    """A layer, and the spread of the examples at its input relative to that at the network's input (a median over the run)."""

    site: Site
    relative: float
    at_start: float
    first_step: int
    last_step: int


def spreads(record: Record) -> list[Place]:
    """The layers in forward order; empty when the spread of the inputs is not known."""
    inputs = [value for site in record.sites("input")[:1] for _, value in record.series(signals.BATCH_STD.name, site) if value > 0]
    if not inputs:
        return []
    base = statistics.median(inputs)
    places = []
    for site in ordered(record):
        series = [(step, value) for step, value in record.series(signals.BATCH_STD.name, site) if math.isfinite(value)]
        if site.kind == "layer" and series:
            values = [value for _, value in series]
            places.append(Place(site, statistics.median(values) / base, statistics.median(values[:3]) / base, series[0][0], series[-1][0]))
    return places


def blocked(record: Record) -> bool:
    """Whether some layer's ReLUs are dead almost to the last one, so that neither signal nor gradient comes through."""
    last = (record.series(signals.NEVER_ACTIVE.name, site)[-1:] for site in record.sites("activation"))
    return any(share > BLOCKED for readings in last for _, share in readings)
