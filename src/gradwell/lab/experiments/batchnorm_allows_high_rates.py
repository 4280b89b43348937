"""How high a learning rate a net bears with batch normalisation and without, and how fast each gets anywhere at its best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.fitting import training
from gradwell.lab.normalised import deep
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.digits import digits

SMOOTH = 10  # batches whose mean loss counts


@dataclass(frozen=True)
class BatchnormAllowsHighRates(Experiment):
    """With batch normalisation a net bears learning rates several times as high as without, and at its best rate needs fewer updates.

    BN(c W x) = BN(W x): weights that a large step made large leave the output as it was, and their next gradient is smaller by 1/c.
    Both nets have the same first weights, drawn for ReLU, see the same batches, and learn by plain gradient descent at each rate. A net
    learns at a rate if it comes to a mean loss of `loss` over ten batches within the given updates. (An update costs more time with it.)
    """

    id = "batchnorm-allows-high-rates"
    zh = "有批量归一化的网络能承受的学习率是没有时的数倍，并且在各自最佳的学习率下，需要的更新次数更少。"
    question = 11
    source = "Ioffe and Szegedy 2015, arXiv 1502.03167; Bjorck et al. 2018 (Understanding batch normalization), arXiv 1806.02375"
    rules = ("GW402", "GW413")
    quick = {"steps": 40, "rates": (0.1, 1.6), "loss": 1.0, "higher": 8.0}
    control = {"normalise": False}
    charts = (Chart("Updates until the loss is reached", "rate", "updates", "net", log_x=True, zh="达到目标损失所需的更新次数"),
              Chart("Lowest loss reached", "rate", "lowest", "net", log_x=True, log_y=True, zh="达到的最低损失"))

    normalise: Annotated[bool, "batch normalisation in one of the nets"] = True
    depth: Annotated[int, "hidden layers"] = 6
    width: Annotated[int, "units a layer"] = 48
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
    steps: Annotated[int, "updates, at most"] = 150
    batch: Annotated[int, "images a batch"] = 64
    loss: Annotated[float, "cross-entropy to be reached"] = 0.3
    higher: Annotated[float, "times the highest rate without, at least"] = 4.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Train both nets at every rate until they reach the loss."""
        data = digits(torch.Generator().manual_seed(seed))
        for name, normalise in (("normalised", self.normalise), ("plain", False)):
            for rate in self.rates:
                torch.manual_seed(seed)
                net = deep(self.depth, self.width, nn.BatchNorm1d if normalise else None)
                lowest, losses = math.inf, []
                for loss in training(net, torch.optim.SGD(net.parameters(), rate), data.x, data.y, self.steps, self.batch,
                                     torch.Generator().manual_seed(seed)):
                    losses.append(loss)
                    if len(losses) >= SMOOTH:
                        lowest = min(lowest, sum(losses[-SMOOTH:]) / SMOOTH)
                    if lowest <= self.loss or not math.isfinite(loss):
                        break
                row: Row = {"net": name, "rate": rate, "learned": lowest <= self.loss}
                if math.isfinite(lowest):
                    row["lowest"] = lowest
                if lowest <= self.loss:
                    row["updates"] = len(losses)
                yield row

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the normalised net's highest rate is at least `higher` times the plain one's, and its best takes fewer updates."""
        nets = ("normalised", "plain")
        highest = {net: over_seeds(rows, partial(highest_rate, net=net, least=0.0)) for net in nets}
        fastest = {net: over_seeds(rows, partial(fewest_updates, net=net, most=self.steps)) for net in nets}
        least = min(self.rates)
        times = over_seeds(rows, lambda some: highest_rate(some, "normalised", 0.0) / highest_rate(some, "plain", least))
        sooner = over_seeds(rows, lambda some: fewest_updates(some, "normalised", self.steps) / fewest_updates(some, "plain", self.steps))
        because = (f"the highest rate it learns at is {highest['normalised']} with, {highest['plain']} without, {times} times as high; "
                   f"at its best rate each needs {fastest['normalised']} and {fastest['plain']} updates to a loss of {self.loss:g}")
        zh = (f"网络能学会的最高学习率，有批量归一化时为 {highest['normalised']:zh}，没有时为 {highest['plain']:zh}，"
              f"前者是后者的 {times:zh} 倍；在各自最佳的学习率下，"
              f"损失降到 {self.loss:g} 分别需要 {fastest['normalised']:zh} 和 {fastest['plain']:zh} 次更新")
        return Verdict(times.low >= self.higher and sooner.high < 1, because, zh)


def fewest_updates(rows: Sequence[Row], net: str, most: int) -> float:
    """The updates that a net needs at its best rate, of one seed; `most` if it learned at none."""
    return min(numbers(rows, "updates", net=net), default=most)


def highest_rate(rows: Sequence[Row], net: str, least: float) -> float:
    """The highest rate at which a net learned, of one seed; `least` if it did at none."""
    return max(numbers(rows, "rate", net=net, learned=True), default=least)
