"""Long series made short for a screen, so that no spike is lost: of each bucket of steps the least and the largest value are kept."""

from __future__ import annotations

import math
from collections.abc import Iterable

Point = tuple[int, float]


class Buckets:
    """Takes points in any number and keeps at most `most`: of each bucket of steps the least and the largest, or one that is no number.

    Memory does not grow with the series: whenever there are too many buckets, each two neighbours become one.
    """

    def __init__(self, most: int) -> None:
        self.most = max(2, most // 2)
        self.width = 1
        self.kept: dict[int, list[Point]] = {}

    def add(self, step: int, value: float) -> None:
        """One more point."""
        self.put(step // self.width, (step, value))
        while len(self.kept) > self.most:
            points = [point for bucket in self.kept.values() for point in bucket]
            self.width, self.kept = 2 * self.width, {}
            for point in points:
                self.put(point[0] // self.width, point)

    def put(self, bucket: int, point: Point) -> None:
        """Keep a point where it is the least, the largest, or no number."""
        points = self.kept.setdefault(bucket, [])
        points.append(point)
        if len(points) > 2:
            odd = [p for p in points if not math.isfinite(p[1])][:1]
            real = [p for p in points if math.isfinite(p[1])]
            ends = [min(real, key=value), max(real, key=value)] if real else []
            points[:] = sorted({*odd, *ends[: 2 - len(odd)]})

    def points(self) -> list[Point]:
        """What was kept, by step."""
        return sorted(point for bucket in self.kept.values() for point in bucket)


def value(point: Point) -> float:
    """A point's value."""
    return point[1]


def thinned(points: Iterable[Point], most: int) -> list[Point]:
    """At most `most` points that keep the least and the largest value of every stretch."""
    buckets = Buckets(most)
    for step, number in points:
        buckets.add(step, number)
    return buckets.points()
