"""When to look closer: as often as the budget allows, ever more rarely as the run grows long."""

from __future__ import annotations

import time

SHARE = 0.6  # of the budget, for what is measured here; the rest is for what is not: calls of hooks, cold caches
ALLOWANCE = 0.08  # seconds beyond the budget, so that short runs are seen too
SPREAD = 2.0  # seconds over which the allowance is given out
FIRST = 3  # steps that are always sampled
DENSITY = 100  # samples per factor e of growth in the number of steps


class Schedule:
    """Decides which steps are sampled, from what earlier samples cost and the run's own time.

    budget: share of the run's time that watching may take; every: a fixed interval in steps instead, or None.
    """

    def __init__(self, budget: float, every: int | None, started: float | None = None) -> None:
        self.budget, self.every = budget, every
        self.started = time.perf_counter() if started is None else started
        self.spent = 0.0  # seconds of our own
        self._before = 0.0
        self._cost = 0.0  # seconds that a sampled step is expected to cost
        self._last = 0
        self._first: float | None = None
        self.samples = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    @property
    def trained(self) -> float:
        """Seconds since the first step."""
        return 0.0 if self._first is None else time.perf_counter() - self._first

    @property
    def left(self) -> float:
        """Seconds that may still be spent now; negative when the budget is overdrawn."""
        return SHARE * self.budget * self.elapsed + ALLOWANCE * min(1.0, self.trained / SPREAD) - self.spent

    def due(self, step: int) -> bool:
        """Whether `step` (counted from 1) is to be sampled."""
        if self._first is None:
            self._first = time.perf_counter()
        if self.every is not None:
            return step == 1 or step % self.every == 0
        if step <= FIRST:
            return True
        return step - self._last >= max(1, self._last // DENSITY) and self._cost <= self.left

    def begin(self, step: int) -> None:
        """A sampled step begins."""
        self._last, self._before = step, self.spent
        self.samples += 1

    def end(self) -> None:
        """A sampled step is over; remember the dearest of late, forgetting slowly."""
        self._cost = max(self.spent - self._before, 0.8 * self._cost) if self.samples > 1 else 0.0  # the first one warms up
