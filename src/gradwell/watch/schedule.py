"""When to look closer: as often as the budget allows, ever more rarely as the run grows long."""

from __future__ import annotations

import math
import time

SHARE = 0.5  # of the budget, for what is measured here; the rest is for what is not: calls of hooks, cold caches
ALLOWANCE = 0.08  # seconds beyond the budget, so that short runs are seen too
SHORT = 1_000  # steps by which the allowance is given out, evenly over the logarithm of the step
ASIDE = 0.4  # of the budget, for second looks, which come out of the other half
FIRST = 3  # steps that are always sampled
DENSITY = 100  # samples per factor e of growth in the number of steps


class Schedule:
    """Decides which steps are sampled, from what earlier samples cost and the run's own time.

    budget: share of the run's time that watching may take; every: a fixed interval in steps instead, or None.
    """

    def __init__(self, budget: float, every: int | None) -> None:
        self.budget, self.every = budget, every
        self.started = time.perf_counter()
        self.spent = 0.0  # seconds of our own
        self.aside = 0.0  # of these, seconds of second looks
        self._before = 0.0
        self._cost = 0.0  # seconds that a sampled step is expected to cost
        self._last = 0
        self._first: float | None = None
        self._wake = 0.0  # seconds of the run before which the budget cannot allow another sample
        self.samples = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    def left(self, step: int) -> float:
        """Seconds that may still be spent by a step; negative when the budget is overdrawn.

        What was saved up before the first step is given out slowly, or a short run would be seen at its beginning only.
        """
        first = self.elapsed if self._first is None else self._first
        saved, spent = ALLOWANCE + SHARE * self.budget * first, self.spent - self.aside
        return SHARE * self.budget * (self.elapsed - first) + saved * min(1.0, math.log1p(step) / math.log1p(SHORT)) - spent

    def due(self, step: int) -> bool:
        """Whether `step` (counted from 1) is to be sampled."""
        if self._first is None:
            self._first = self.elapsed
        if self.every is not None:
            return step == 1 or step % self.every == 0
        if step <= FIRST:
            return True
        if step - self._last < max(1, self._last // DENSITY) or self.elapsed < self._wake:
            return False
        missing = self._cost - self.left(step)
        if missing > 0 and step > SHORT:
            self._wake = self.elapsed + missing / (SHARE * self.budget)
        return missing <= 0

    def affords(self, seconds: float) -> bool:
        """Whether a second look that takes so long can be paid for, without sampling less."""
        return self.every is not None or self.aside + seconds <= ALLOWANCE + ASIDE * self.budget * self.elapsed

    def begin(self, step: int) -> None:
        """A sampled step begins."""
        self._last, self._before = step, self.spent
        self.samples += 1

    def end(self) -> None:
        """A sampled step is over; expect the next to cost what the last few did on average. The first one warms up and does not count."""
        if self.samples > 1:
            cost = self.spent - self._before
            self._cost = cost if self.samples == 2 else 0.7 * self._cost + 0.3 * cost
