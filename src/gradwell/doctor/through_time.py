"""How the gradient of a recurrent layer changes on its way back through time."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.record import Record, Site


@dataclass(frozen=True)
class Course:
    """Of a recurrent layer that the loss reads late only: medians over the second half of the looks.

    `first` and `last` are the gradient at the first and at the last step, relative to the largest at any step.
    """

    site: Site
    steps: int
    first: float
    last: float
    first_look: int
    last_look: int

    @property
    def per_step(self) -> float:
        """The factor by which the gradient changes from a step to the one before it."""
        return (self.first / self.last) ** (1 / max(1, self.steps - 1)) if self.last > 0 else 0.0

    @property
    def looks(self) -> tuple[int, int]:
        """The first and the last step that was looked at."""
        return self.first_look, self.last_look


def courses(record: Record) -> list[Course]:
    """Every recurrent layer whose outputs are read in the last half of the sequence only."""
    found = []
    for site in record.sites("recurrence"):
        reads = dict(record.facts(signals.READ.name, site))
        seen = [(step, by_step, reads[step]) for step, by_step in record.facts(signals.GRADIENT_BY_STEP.name, site) if step in reads]
        known = [(step, by_step, read) for step, by_step, read in seen if read["from"] is not None and largest(by_step) > 0]
        if not known or any(2 * read["from"] < read["time"] for *_, read in known):
            continue
        half = known[len(known) // 2:]
        first = statistics.median(by_step[0][1] / largest(by_step) for _, by_step, _ in half)
        last = statistics.median(by_step[-1][1] / largest(by_step) for _, by_step, _ in half)
        steps = round(statistics.median(read["time"] for *_, read in half))
        found.append(Course(site, steps, first, last, known[0][0], known[-1][0]))
    return found


def largest(by_step: list[list[float]]) -> float:
    """The largest gradient at any step; 0 where one is not a number."""
    sizes = [size for _, size in by_step]
    return max(sizes) if all(0 <= size < float("inf") for size in sizes) else 0.0
