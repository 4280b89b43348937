"""How many ReLU units a learning rate kills, and whether a lower one brings them back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch.nn.functional import cross_entropy

from gradwell.lab.descent import descend
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import dead, network
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.digits import CLASSES, digits


@dataclass(frozen=True)
class HighRateKillsRelu(Experiment):
    """A learning rate that is too high leaves most ReLU units dead, zero for every example, and a lower rate afterwards revives hardly any.

    ReLU's f'(z) is 0 where z <= 0. A step that is too long can carry a unit's weights and bias to where z <= 0 for all examples; then
    dL/dw = sum delta f'(z) a = 0, and its weights never move again unless the layer below moves. Nets are trained with each learning
    rate, and after that as long again with the lowest.
    """

    id = "high-rate-kills-relu"
    zh = "学习率过高会使大多数 ReLU 单元死亡，即对所有样本都输出零；之后再降低学习率，也几乎没有单元复活。"
    question = 10
    source = "Maas, Hannun and Ng 2013 (Rectifier nonlinearities improve neural network acoustic models); Lu et al. 2019 (arXiv 1903.06733)"
    rules = ("GW101", "GW402")
    quick = {"examples": 100, "steps": 60, "rates": (0.1, 10.0)}
    control = {"rates": (0.03, 0.1)}
    charts = (Chart("Share of dead units by learning rate", "rate", "dead", by="when", log_x=True, zh="不同学习率下死亡单元的比例"),
              Chart("Loss by learning rate", "rate", "loss", by="when", log_x=True, zh="不同学习率下的损失"))

    rates: Annotated[tuple[float, ...], "learning rates"] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    hidden: Annotated[int, "units in each of the two hidden layers"] = 32
    steps: Annotated[int, "steps"] = 200
    examples: Annotated[int, "examples"] = 300
    killed: Annotated[float, "of the units, at least, that more are dead with the highest rate than with the lowest"] = 0.3

    def measure(self, seed: int) -> Iterator[Row]:
        """Train with each rate, then with the lowest; count the units that are zero for every example."""
        images = digits(torch.Generator().manual_seed(seed))
        x, y = images.x[:self.examples].flatten(1), images.y[:self.examples]
        for rate in self.rates:
            torch.manual_seed(seed)
            net = network("relu", x.shape[1], self.hidden, self.hidden, CLASSES)
            for when, now in (("after training", rate), ("after the lowest rate", min(self.rates))):
                *_, loss = descend(net, cross_entropy, x, y, now, self.steps)
                yield {"rate": rate, "when": when, "dead": dead(net, x), "loss": loss}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where so many more units are dead with the highest rate, and still are after as many steps with the lowest."""
        high, low, later = (over_seeds(rows, partial(share, rate=rate, when=when)) for rate, when in (
            (max(self.rates), "after training"), (min(self.rates), "after training"), (max(self.rates), "after the lowest rate")))
        more, still = (over_seeds(rows, partial(excess, high=max(self.rates), low=min(self.rates), when=when))
                       for when in ("after training", "after the lowest rate"))
        because = (f"of the units {high} are dead after training with the rate {max(self.rates):g}, {low} with {min(self.rates):g}; "
                   f"{later} still are after the lower rate")
        zh = (f"以学习率 {max(self.rates):g} 训练后，死亡单元占 {high:zh}，以 {min(self.rates):g} 训练后占 {low:zh}；"
              f"前者再用较低的学习率训练后仍占 {later:zh}")
        return Verdict(more.low >= self.killed and still.low >= self.killed, because, zh)


def share(rows: Sequence[Row], rate: float, when: str) -> float:
    """The share of dead units."""
    return numbers(rows, "dead", rate=rate, when=when)[0]


def excess(rows: Sequence[Row], high: float, low: float, when: str) -> float:
    """By how much the share of dead units is higher with the one rate than with the other."""
    return share(rows, high, when) - share(rows, low, when)
