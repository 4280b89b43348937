"""Batch normalisation, followed by noise that moves what each layer receives at every step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.fitting import training
from gradwell.lab.normalised import before_relu, deep, drift
from gradwell.lab.rows import Row, numbers, over_seeds, pick
from gradwell.lab.tasks.digits import digits

SMOOTH = 10  # batches whose mean loss counts


class Shifting(nn.Module):
    """z * s + m, with a scale s from [1, 1 + widening] and a mean m from [-shift, shift] for each unit, both drawn anew at every step."""

    def __init__(self, units: int, shift: float, widening: float) -> None:
        super().__init__()
        self.units, self.shift, self.widening = units, shift, widening

    def forward(self, z: Tensor) -> Tensor:
        """(examples, units) -> the same."""
        return z * (1 + self.widening * torch.rand(self.units)) + self.shift * (2 * torch.rand(self.units) - 1)


@dataclass(frozen=True)
class BatchnormHelpsDespiteShift(Experiment):
    """A net with batch normalisation learns faster than one without even when its layers' inputs are made to shift more at every step.

    After the normalisation each unit is given a random scale and a random mean, drawn anew at every step: covariate shift on purpose. The
    drift of a unit's mean from one step to the next is measured in its own standard deviations. All nets have the same first weights and
    batches and learn by plain gradient descent; each counts at its best learning rate, in updates to a mean loss over ten batches.
    """

    id = "batchnorm-helps-despite-shift"
    zh = "即使人为地让各层的输入在每一步都偏移得更多，有批量归一化的网络仍比没有的学得快。"
    question = 11
    source = "Santurkar et al. 2018 (How does batch normalization help optimization?), arXiv 1805.11604, section 2.1"
    textbook = "Batch normalisation speeds up training because it reduces internal covariate shift (Ioffe and Szegedy 2015)."
    textbook_zh = "批量归一化能加快训练，是因为它减小了内部协变量偏移（Ioffe and Szegedy 2015）。"
    rules = ("GW107",)
    quick = {"rates": (0.2,), "steps": 60, "loss": 1.3, "depth": 5}
    control = {"normalise": False}
    charts = (Chart("Updates until the loss is reached", "rate", "updates", "net", log_x=True, zh="达到目标损失所需的更新次数"),
              Chart("Drift of a unit's mean at a step", "rate", "drift", "net", log_x=True, zh="单元的均值在一步中的漂移"))

    normalise: Annotated[bool, "batch normalisation before the shifts"] = True
    shift: Annotated[float, "standard deviations, at most"] = 1.3
    widening: Annotated[float, "of a unit's scale, at most"] = 0.25
    depth: Annotated[int, "hidden layers"] = 6
    width: Annotated[int, "units a layer"] = 48
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.05, 0.1, 0.2, 0.4, 0.8)
    steps: Annotated[int, "updates, at most"] = 200
    batch: Annotated[int, "images a batch"] = 64
    loss: Annotated[float, "cross-entropy to be reached"] = 0.4
    every: Annotated[int, "updates between measurements of the drift"] = 10

    def measure(self, seed: int) -> Iterator[Row]:
        """Train the nets at every rate until they reach the loss, and measure the drift of their layers' inputs on the way."""
        data = digits(torch.Generator().manual_seed(seed))
        probe = data.x[:256]
        for name, normalise, shift in (("shifted", self.normalise, self.shift), ("normalised", self.normalise, 0.0), ("plain", False, 0.0)):
            for rate in self.rates:
                torch.manual_seed(seed)
                net = deep(self.depth, self.width, partial(between, normalise=normalise, shift=shift, widening=self.widening))
                losses: list[float] = []
                drifts: list[float] = []
                seen = before_relu(net, probe)
                for loss in training(net, torch.optim.SGD(net.parameters(), rate), data.x, data.y, self.steps, self.batch,
                                     torch.Generator().manual_seed(seed)):
                    losses.append(loss)
                    if len(losses) % self.every in (0, 1):
                        before, seen = seen, before_relu(net, probe)
                        drifts += [drift(before, seen)] if len(losses) % self.every == 1 and len(losses) > 1 else []
                    if (reached := sum(losses[-SMOOTH:]) / SMOOTH <= self.loss and len(losses) >= SMOOTH) or not math.isfinite(loss):
                        break
                yield {"net": name, "rate": rate, "learned": reached, "updates": len(losses) if reached else self.steps,
                       "drift": median(drifts) if drifts else 0.0}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the shifted net drifts more than the plain one at its best rate, and yet needs fewer updates."""
        nets = ("shifted", "normalised", "plain")
        updates, drifts = ({net: over_seeds(rows, partial(best, net=net, what=what)) for net in nets} for what in ("updates", "drift"))
        faster = over_seeds(rows, lambda some: best(some, "shifted", "updates") / best(some, "plain", "updates"))
        more = over_seeds(rows, lambda some: best(some, "shifted", "drift") - best(some, "plain", "drift"))
        said = "; ".join(f"{net}: {updates[net]} updates, drift {drifts[net]}" for net in nets)
        because = f"{said}. The shifted net takes {faster} of the updates of the plain one and drifts by {more} more"
        said_zh = "；".join(f"{net}：{updates[net]:zh} 次更新，漂移 {drifts[net]:zh}" for net in nets)
        zh = f"{said_zh}。shifted 网络的更新次数是 plain 网络的 {faster:zh} 倍，漂移多 {more:zh}"
        return Verdict(faster.high < 1 and more.low > 0, because, zh)


def between(units: int, normalise: bool, shift: float, widening: float) -> nn.Module:
    """What stands before a ReLU: batch normalisation, shifts, both or nothing."""
    return nn.Sequential(*([nn.BatchNorm1d(units)] if normalise else []), *([Shifting(units, shift, widening)] if shift else []))


def best(rows: Sequence[Row], net: str, what: str) -> float:
    """A number of a net at the learning rate at which it needs the fewest updates, of one seed."""
    fewest = min(numbers(rows, "updates", net=net))
    return numbers(pick(rows, net=net, updates=int(fewest)), what)[0]
