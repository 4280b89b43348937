"""Numbers over seeds: a median with its interval, never a single lucky run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

COVERAGE = 0.9  # of an interval, where there are numbers enough


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and an interval that holds the true median in nine of ten repetitions.

    The interval lies between two of the ordered numbers, the tightest pair that covers the median so often whatever their
    distribution (the binomial interval of order statistics; David and Nagaraja, Order Statistics, 2003, section 7.1). Of fewer than
    five numbers no pair does: then it is the smallest and the largest.
    """

    median: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return format(self, "en")

    def __format__(self, language: str) -> str:
        """The median with its interval, in English or (`zh`) Chinese; the median alone where all numbers are the same."""
        if self.low == self.high:
            return shown(self.median)
        low, high = shown(self.low), shown(self.high)
        return f"{shown(self.median)}（{low} 至 {high}）" if language == "zh" else f"{shown(self.median)} ({low} to {high})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of some numbers. Raises ValueError when there are none."""
    if not values:
        raise ValueError("there are no numbers to take a median of")
    ordered, n = sorted(values), len(values)
    skipped = 0
    while skipped + 1 < n - 1 - skipped and covered(n, skipped + 1) >= COVERAGE:
        skipped += 1
    return Spread(median(ordered), ordered[skipped], ordered[n - 1 - skipped], n)


def covered(n: int, skipped: int) -> float:
    """How often the median lies between the two of n numbers that have `skipped` numbers outside them on either side."""
    return 1.0 - sum(comb(n, k) for k in range(skipped + 1)) / 2.0 ** (n - 1)


def shown(value: float) -> str:
    """A number with three significant digits."""
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text
