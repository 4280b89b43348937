"""The gradient's gain through each layer, split into its factors, and which factor is to blame.

delta_l = (W^T delta_(l+1)) * f'(z_l): on its way down through a layer the gradient is scaled by the weights, by the derivative of the
activation that follows the layer, and by a normalisation. Small factors multiply to nothing, large ones to infinity.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import Literal, TypedDict

from gradwell.doctor import signals
from gradwell.doctor.record import Record, Site

Culprit = Literal["activation", "weights", "both"]
MAINLY = 2 / 3  # of the logarithm of the product, from which on one factor alone is blamed
RECTIFIERS = {"relu", "leaky_relu", "prelu", "rrelu", "elu", "gelu", "silu", "mish", "softplus", "hardswish", "threshold"}
OPEN = math.sqrt(0.5)


class Row(TypedDict):
    """One layer: the factors by which it scales the gradient, and the norm of the gradient at its output (medians over the run)."""

    layer: str
    weights: float | None
    activation: float | None
    normalization: float | None
    gradient: float | None


def table(record: Record) -> list[Row]:
    """The layers in the order of the forward pass."""
    rows: list[Row] = []
    for site in ordered(record):
        if site.kind == "layer":
            rows.append({"layer": str(site.where), "weights": median(record, signals.WEIGHT_GAIN.name, site), "activation": None,
                         "normalization": None, "gradient": median(record, signals.DELTA.name, site)})
        elif rows and site.kind == "activation":
            rows[-1]["activation"] = times(rows[-1]["activation"], median(record, signals.ACTIVATION_GAIN.name, site))
        elif rows and site.kind == "normalization":
            rows[-1]["normalization"] = times(rows[-1]["normalization"], median(record, signals.NORMALIZATION_GAIN.name, site))
    return rows


def ordered(record: Record) -> list[Site]:
    """The layers, activations and normalisations in the order of the last forward pass that was read."""
    by_id = {site.id: site for site in record.sites()}
    orders = [order for _, order in record.facts(signals.ORDER.name)]
    return [by_id[i] for i in max(orders, key=len)] if orders else []


def typical(rows: Iterable[Row]) -> tuple[float, float]:
    """The geometric mean of the layers' weight gains and activation gains; 1 where a factor is absent."""
    found = list(rows)
    return geometric([row["weights"] for row in found]), geometric([row["activation"] for row in found])


def culprit(record: Record, rows: Iterable[Row]) -> Culprit:
    """The factor that makes the product small (or large): the one with the larger logarithm of the right sign.

    A rectifier that is open for half of its inputs lets sqrt(1/2) of the gradient through. That is its nature, which the initial
    weights have to make up for (He et al. 2015), so it is put down to them.
    """
    weights, activation = map(math.log, typical(rows))
    if {site.type for site in record.sites("activation")} <= RECTIFIERS:
        activation -= math.log(OPEN)
    whole = weights + activation
    share = activation / whole if whole else 0.5
    return "activation" if share > MAINLY else "weights" if share < 1 - MAINLY else "both"


def median(record: Record, signal: str, site: Site) -> float | None:
    """The median of a signal's finite readings at a site."""
    values = [value for _, value in record.series(signal, site) if math.isfinite(value)]
    return statistics.median(values) if values else None


def times(a: float | None, b: float | None) -> float | None:
    """The product of what is known."""
    return b if a is None else a if b is None else a * b


def geometric(values: Iterable[float | None]) -> float:
    """The geometric mean of the positive numbers among these; 1 if there are none."""
    logs = [math.log(value) for value in values if value]
    return math.exp(statistics.fmean(logs)) if logs else 1.0
