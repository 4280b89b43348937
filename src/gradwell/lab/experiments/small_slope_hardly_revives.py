"""How large a slope below zero must be to bring dead units back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gradwell.lab.descent import descend
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import network
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.digits import CLASSES, digits


@dataclass(frozen=True)
class SmallSlopeHardlyRevives(Experiment):
    """LeakyReLU's usual slope of 0.01 gives dead units a gradient, but too small a one for descent to bring them back in hundreds of steps.

    Where z < 0 the output is z / a and f' = 1 / a: the unit's message is a times weaker, and the gradient that comes back to its weights is
    so once more. A layer that is dead to ReLU is trained with the slope 1/a = 0.01 and with 0.2, each with the best of the same learning
    rates. (Adam, which divides a gradient by its size, does bring both back: `leaky-keeps-alive`.)
    """

    id = "small-slope-hardly-revives"
    zh = "LeakyReLU 常用的斜率 0.01 能给死亡单元提供梯度，但梯度太小，梯度下降数百步也救不活它们。"
    question = 10
    source = "Xu, Wang, Chen and Li 2015 (Empirical evaluation of rectified activations, arXiv 1505.00853)"
    textbook = "A LeakyReLU unit cannot die, since its gradient is never zero."
    textbook_zh = "LeakyReLU 单元不会死亡，因为它的梯度从不为零。"
    rules = ("GW101",)
    quick = {"examples": 100, "hidden": 16, "steps": 200, "rates": (1.0,)}
    control = {"slope": 0.3}
    charts = (Chart("Loss while training, best learning rate for each slope", "step", "loss", by="slope", log_y=True,
                    zh="训练过程中的损失，每个斜率取最佳学习率"),)

    slope: Annotated[float, "slope below zero"] = 0.01
    large: Annotated[float, "slope below zero to compare with"] = 0.2
    bias: Annotated[float, "taken off each hidden unit at the start"] = 2.0
    hidden: Annotated[int, "hidden units"] = 32
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.3, 1.0, 2.0, 3.0)
    steps: Annotated[int, "steps"] = 400
    examples: Annotated[int, "examples"] = 300
    learned: Annotated[float, "of the loss at the start, at most, where the net learns again"] = 0.5

    def measure(self, seed: int) -> Iterator[Row]:
        """Train with either slope and each learning rate, from units that are all dead."""
        images = digits(torch.Generator().manual_seed(seed))
        x, y = images.x[:self.examples].flatten(1), images.y[:self.examples]
        for slope in (self.slope, self.large):
            curves = []
            for rate in self.rates:
                torch.manual_seed(seed)
                below, above = (one for one in network("relu", x.shape[1], self.hidden, CLASSES) if isinstance(one, nn.Linear))
                nn.init.constant_(below.bias, -self.bias)
                net = nn.Sequential(below, nn.LeakyReLU(slope), above)
                curves.append([*descend(net, cross_entropy, x, y, rate, self.steps)])
            rate, losses = min(zip(self.rates, curves, strict=True), key=lambda one: lowest(one[1]))
            for step in range(0, self.steps + 1, max(1, self.steps // 20)):
                yield {"slope": f"{slope:g}", "rate": rate, "step": step, "loss": losses[step], "left": lowest(losses) / losses[0]}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the net learns with the large slope and not with the small one."""
        small, large = (over_seeds(rows, partial(left, slope=f"{slope:g}")) for slope in (self.slope, self.large))
        because = (f"of the loss at the start {small} is left with the slope {self.slope:g}, {large} with {self.large:g}, "
                   f"at the lowest point of {self.steps} steps")
        zh = (f"在 {self.steps} 步中损失的最低点，斜率为 {self.slope:g} 时剩下开始时损失的 {small:zh}，"
              f"斜率为 {self.large:g} 时剩下 {large:zh}")
        return Verdict(small.low > self.learned >= large.high, because, zh)


def lowest(losses: Sequence[float]) -> float:
    """The lowest loss, what is not finite left out."""
    return min(loss for loss in losses if math.isfinite(loss))


def left(rows: Sequence[Row], slope: str) -> float:
    """The lowest loss in units of the first."""
    return numbers(rows, "left", slope=slope)[0]
