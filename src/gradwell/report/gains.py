"""What each layer does to the gradient on its way back, as rows of factors."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TypeVar

from gradwell.doctor import signals
from gradwell.doctor.finding import Evidence
from gradwell.doctor.record import Record, Site
from gradwell.doctor.signal import Signal
from gradwell.report.words import plain

T = TypeVar("T")
FACTORS = ("weights", "activation", "normalization")
HEADS = {"weights": "weights", "activation": "activation", "normalization": "norm.", "gradient": "gradient"}


@dataclass(frozen=True)
class Gain:
    """One layer: the factors by which its weights, activation and normalisation scale the gradient, and the gradient's size there."""

    layer: str
    weights: float | None = None
    activation: float | None = None
    normalization: float | None = None
    gradient: float | None = None


def from_evidence(evidence: Evidence) -> tuple[Gain, ...]:
    """The rows that a finding about gradients brings along under `gains`; none where it brings none."""
    rows = evidence.get("gains")
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return ()
    return tuple(Gain(plain(row.get("layer", "")), *(known(row.get(name)) for name in (*FACTORS, "gradient")))
                 for row in rows if isinstance(row, Mapping))


def columns(gains: Sequence[Gain]) -> tuple[str, ...]:
    """The columns that say anything: a factor that is 1 for every layer says nothing."""
    return tuple(name for name in HEADS if any(getattr(gain, name) not in (None, 1.0) for gain in gains))


def from_record(record: Record) -> tuple[Gain, ...]:
    """The median over the run of every layer's factors, from the first layer to the last."""
    rows = [Gain(plain(site.where), *(median(record, signal, kind, site) for signal, kind in (
        (signals.WEIGHT_GAIN, "layer"), (signals.ACTIVATION_GAIN, "activation"),
        (signals.NORMALIZATION_GAIN, "normalization"), (signals.DELTA, "layer")))) for site in record.sites("layer")]
    return tuple(row for row in rows if row.gradient is not None or row.weights is not None)


def median(record: Record, signal: Signal, kind: str, layer: Site) -> float | None:
    """The median of a signal over the run; where a layer feeds several activations, their medians are multiplied."""
    values = [[v for _, v in record.series(signal.name, site) if math.isfinite(v)]
              for site in record.sites(kind) if site.module == layer.module and (kind != "layer" or site is layer)]
    return math.prod(statistics.median(v) for v in values if v) if any(values) else None


def known(item: object) -> float | None:
    """A number, if it is one."""
    return float(item) if isinstance(item, Real) else None


def elided(rows: Sequence[T], most: int) -> tuple[Sequence[T], int, Sequence[T]]:
    """The first rows, how many are left out in the middle, and the last rows: `most` rows at most."""
    if len(rows) <= most:
        return rows, 0, ()
    return rows[: most // 2], len(rows) - 2 * (most // 2), rows[-(most // 2):]
