"""A run's model, layer by layer: its parts with their source lines, which signals were read there, and the factors of each gain."""

from __future__ import annotations

import math
import statistics
from typing import Any

from gradwell.doctor import signals
from gradwell.report.thinning import Point
from gradwell.serve.reading import Place, Reading

POINTS = 120  # of a series at one layer
KINDS = ("layer", "activation", "normalization", "parameter", "input", "attention")
FACTORS = {"weights": signals.WEIGHT_GAIN, "activation": signals.ACTIVATION_GAIN, "normalization": signals.NORMALIZATION_GAIN}
SHOWN = (
    signals.WEIGHT_GAIN, signals.ACTIVATION_GAIN, signals.NORMALIZATION_GAIN, signals.DELTA, signals.PARAMETER_GRADIENT,
    signals.UPDATE_RATIO, signals.ACTIVATION_MEAN, signals.ACTIVATION_STD, signals.ZERO_SHARE, signals.NEVER_ACTIVE,
    signals.SATURATED_SHARE, signals.DRIFT,
    signals.BATCH_STD, signals.STALE, signals.ATTENTION_LEAST, signals.ATTENTION_MOST, signals.ATTENTION_PADDING,
)


def layers(record: Reading) -> dict[str, Any]:
    """The places of the model, the signals that were read there, and for each layer its factors: medians over the run."""
    counted = record.counted()
    shown = [{"name": s.name, "unit": s.unit, "about": s.about, "kind": s.place} for s in SHOWN if counted.get(s.name)]
    places = [place for place in record.places() if place.kind in KINDS]
    return {"places": [place.as_dict() for place in places], "signals": shown, "gains": gains(record, places)}


def gains(record: Reading, places: list[Place]) -> list[dict[str, Any]]:
    """The factors by which each layer scales the gradient on its way back, and the gradient's size there."""
    found = record.series([signals.DELTA.name, *(signal.name for signal in FACTORS.values())], POINTS)
    rows = []
    for layer in (place for place in places if place.kind == "layer"):
        row: dict[str, Any] = {"layer": layer.module, "type": layer.type, "gradient": middle(found.get((signals.DELTA.name, layer.id), []))}
        for name, signal in FACTORS.items():
            here = [layer] if name == "weights" else [p for p in places if p.kind == name and p.module == layer.module]
            medians = [m for place in here if (m := middle(found.get((signal.name, place.id), []))) is not None]
            row[name] = math.prod(medians) if medians else None
        if any(row[name] is not None for name in ("gradient", *FACTORS)):
            rows.append(row)
    return rows


def middle(points: list[Point]) -> float | None:
    """The median of the readings that are numbers."""
    values = [value for _, value in points if math.isfinite(value)]
    return statistics.median(values) if values else None
