"""The numbers that a finding shows, put in few words."""

from __future__ import annotations

from collections.abc import Sequence

from gradwell.doctor import signals
from gradwell.doctor.record import Record

Series = Sequence[tuple[int, float]]


def reading(series: Series) -> str:
    """The first and the last reading: `step 1: 0.2 ... step 90: 0.9`."""
    ends = [series[0], series[-1]] if len(series) > 1 else list(series)
    return " ... ".join(f"step {step}: {value:.3g}" for step, value in ends)


def update_before(record: Record, module: str, step: int) -> float:
    """The largest relative update of a layer's weight up to a step."""
    return max((value for site in record.sites("parameter") if site.module == f"{module}.weight"
                for at, value in record.series(signals.UPDATE_RATIO.name, site) if at <= step), default=0.0)


def tail(series: Series, share: float = 0.5) -> list[float]:
    """The values of the last part of a series."""
    return [value for _, value in series[int(len(series) * (1 - share)):]]
