"""Long series made short for a screen, so that no spike is lost: of each bucket of steps the least and the largest value are kept."""

from __future__ import annotations

from array import array

import numpy as np

Point = tuple[int, float]


class Series:
    """Readings as they come, sixteen bytes each."""

    def __init__(self) -> None:
        self.steps, self.values = array("q"), array("d")

    def add(self, step: int, value: float) -> None:
        """One more reading."""
        self.steps.append(step)
        self.values.append(value)

    def points(self, most: int) -> list[Point]:
        """At most `most` points, by step: all, or the least and the largest value of each of most / 2 equal spans of steps.

        What is no number counts as larger than any.
        """
        steps, values = np.frombuffer(self.steps, np.int64), np.frombuffer(self.values, np.float64)
        if len(steps) > most:
            span = (steps - steps.min()) * (most // 2) // (steps.max() - steps.min() + 1)
            order = np.lexsort((values, span))
            last = np.append(np.flatnonzero(np.diff(span[order])), len(order) - 1)
            first = np.concatenate([[0], last[:-1] + 1])
            kept = np.unique(order[np.concatenate([first, last])])
            steps, values = steps[kept], values[kept]
        by_step = np.argsort(steps, kind="stable")
        return list(zip(steps[by_step].tolist(), values[by_step].tolist(), strict=True))
