"""From numbers to places and colours on a chart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradwell.report.words import number

LEVELS = 8  # the highest colour; with 0 there are nine
Point = tuple[int, float]
Series = Sequence[Point]


@dataclass(frozen=True)
class Colours:
    """How values become one of nine colours: `family` is d where the middle is neutral, s where the lowest is; `legend` names three."""

    family: str
    level: Callable[[float], float]
    legend: tuple[str, str, str]

    def of(self, value: float) -> str:
        """The colour class of a value; `bad` for NaN and infinity."""
        return f"{self.family}{min(LEVELS, max(0, round(self.level(value))))}" if math.isfinite(value) else "bad"


def _decades(value: float) -> float:
    return math.log10(value) if value > 0 else -99.0


GAINS = Colours("d", lambda value: 4 + 2 * _decades(value), ("≤ 0.01", "1", "≥ 100"))
SHARES = Colours("s", lambda value: LEVELS * value, ("0 %", "50 %", "100 %"))
UPDATES = Colours("s", lambda value: LEVELS * (_decades(value) + 6) / 5, ("≤ 1e-6", "3e-4", "≥ 0.1"))


def signed(most: float) -> Colours:
    """Colours from -`most` over zero to `most`."""
    return Colours("d", lambda value: 4 + 4 * value / most if most else 4.0, (number(-most), "0", number(most)))


def thinned(series: Series, most: int) -> list[Point]:
    """At most `most` points that keep every stretch's lowest and highest value, so that no spike is lost."""
    if len(series) <= most:
        return list(series)
    kept: list[Point] = []
    stretches = most // 2
    for i in range(stretches):
        stretch = series[i * len(series) // stretches: (i + 1) * len(series) // stretches]
        odd = [at for at, (_, v) in enumerate(stretch) if not math.isfinite(v)][:1]
        numbers = [at for at, (_, v) in enumerate(stretch) if math.isfinite(v)]
        ends = {min(numbers, key=lambda at: stretch[at][1]), max(numbers, key=lambda at: stretch[at][1])} if numbers else set()
        kept += [stretch[at] for at in sorted({*odd, *(ends if not odd else list(ends)[:1])})]
    return kept


def held(series: Series, first: int, last: int, columns: int) -> list[float | None]:
    """One value for each of `columns` equal spans of steps: the mean of its readings, or else the value before; None before the first."""
    width = max(1, last - first + 1) / columns
    spans: list[list[float]] = [[] for _ in range(columns)]
    for step, value in series:
        spans[min(columns - 1, int((step - first) / width))].append(value)
    values: list[float | None] = []
    for span in spans:
        values.append(sum(span) / len(span) if span else values[-1] if values else None)
    return values


def linear_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from below `low` to above `high`, in equal steps."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / about
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= rough * 0.999)
    return [i * step for i in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """The ticks as text, with as many digits as tell them apart."""
    labels = ([number(tick, digits) for tick in ticks] for digits in range(3, 13))
    return next((names for names in labels if len(set(names)) == len(names)), [number(tick, 12) for tick in ticks])


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of ten from below `low` to above `high`."""
    a, b = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    a = max(-300, min(299, a))
    b = max(a + 1, min(300, b))
    jump = math.ceil((b - a) / (most - 1))
    return [10.0 ** min(300, a + i * jump) for i in range(math.ceil((b - a) / jump) + 1)]
