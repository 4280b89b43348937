"""A run's recurrent layers through time: gradient by step and by lag, memory horizon, and the gates as they were looked at."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from gradwell.doctor import signals
from gradwell.serve.reading import Reading

LOOKS = 60  # at a layer that are shown
FACTS = {"by_step": signals.GRADIENT_BY_STEP, "by_lag": signals.GRADIENT_BY_LAG, "pinned": signals.PINNED_GATES, "gates": signals.GATES}


def through_time(record: Reading) -> list[dict[str, Any]]:
    """Every recurrent layer with what was seen of it, by the step of the look."""
    looks: dict[str, dict[int, list[tuple[int, Any]]]] = {}
    for name, signal in FACTS.items():
        found: dict[int, list[tuple[int, Any]]] = defaultdict(list)
        for site, step, fact in record.facts(signal.name):
            found[site].append((step, fact))
        looks[name] = found
    horizon = record.series([signals.MEMORY_HORIZON.name])
    return [
        place.as_dict() | {"horizon": horizon.get((signals.MEMORY_HORIZON.name, place.id), [])}
        | {name: few(found[place.id]) for name, found in looks.items()}
        for place in record.places("recurrence")
    ]


def few(looks: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Some of many looks, evenly spaced, both ends among them."""
    if len(looks) <= LOOKS:
        return looks
    return [looks[round(i * (len(looks) - 1) / (LOOKS - 1))] for i in range(LOOKS)]
