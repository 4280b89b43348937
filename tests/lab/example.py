"""An experiment that takes no time, for tests of what surrounds experiments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from gradwell.lab import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.rows import Row, last


@dataclass(frozen=True)
class Walk(Experiment):
    """A walk with a drift ends above its start.

    What is measured is a sum of random steps.
    """

    id = "walk"
    question = 1
    source = "made for the tests"
    quick = {"steps": 10}  # noqa: RUF012
    control = {"drift": -1.0}  # noqa: RUF012
    charts = (Chart("Place", "step", "place"),)

    steps: Annotated[int, "steps"] = 20
    drift: Annotated[float, "a step", Least(-10)] = 1.0
    sizes: Annotated[tuple[float, ...], "of a step"] = (0.5, 1.0)
    smooth: Annotated[bool, "no noise"] = False
    name: Annotated[str, "of the walker"] = "x"

    def measure(self, seed: int) -> Iterator[Row]:
        torch.manual_seed(seed)
        place = 0.0
        for step in range(self.steps):
            place += self.drift + (0.0 if self.smooth else 0.1 * float(torch.randn(())))
            yield {"step": step, "place": place, "share": 1 / (self.steps - 13), "name": self.name}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        end = last(rows, "place")
        return Verdict(end.low > 0, f"it ends at {end}")
