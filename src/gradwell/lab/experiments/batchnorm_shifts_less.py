"""How much a layer's input, and the gradient of its weights, move when the layers below it learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.normalised import Weights, before_relu, deep, drift, gradient, moved
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.digits import digits


@dataclass(frozen=True)
class BatchnormShiftsLess(Experiment):
    """With batch normalisation an update moves the mean of what a unit receives a small fraction as far as without.

    Internal covariate shift as it was first meant: how far the mean moves at an update, in the unit's own standard deviations. Told beside
    it, and not judged, is how far the gradient G_l of layer l turns when only the layers below it are updated, |G_l' - G_l| / |G_l|
    (Santurkar et al., definition 2.1; in their far larger nets normalisation did not lessen that). Same first weights and batches in both.
    """

    id = "batchnorm-shifts-less"
    zh = "有批量归一化时，一次更新使单元所接收的输入的均值移动的距离，只有没有时的一小部分。"
    question = 11
    source = "Ioffe and Szegedy 2015 (Batch normalization), arXiv 1502.03167; Santurkar et al. 2018, arXiv 1805.11604"
    rules = ("GW107",)
    quick = {"updates": 30, "depth": 4}
    control = {"normalise": False}
    charts = (Chart("Drift of a unit's mean at an update", "update", "drift", "net", log_y=True, zh="单元的均值在一次更新中的漂移"),
              Chart("Turn of a layer's gradient when the layers below are updated", "layer", "turn", "net",
                    zh="更新其下各层时，一层的梯度的偏转"))

    normalise: Annotated[bool, "batch normalisation in one of the nets"] = True
    depth: Annotated[int, "hidden layers"] = 6
    width: Annotated[int, "units a layer"] = 48
    rate: Annotated[float, "learning rate"] = 0.05
    updates: Annotated[int, "updates"] = 120
    every: Annotated[int, "updates between measurements"] = 10
    batch: Annotated[int, "images a batch"] = 64
    less: Annotated[float, "of the drift without, at most"] = 0.2

    def measure(self, seed: int) -> Iterator[Row]:
        """Train both nets; at every few updates compare inputs and gradients before and after."""
        data = digits(torch.Generator().manual_seed(seed))
        probe = data.x[:256]
        for name, normalise in (("normalised", self.normalise), ("plain", False)):
            torch.manual_seed(seed)
            net = deep(self.depth, self.width, nn.BatchNorm1d if normalise else None)
            weights: Weights = dict(net.named_parameters())
            kernels = [f"{place}.weight" for place, layer in enumerate(net) if isinstance(layer, nn.Linear)]
            turns: dict[str, list[float]] = {kernel: [] for kernel in kernels[1:]}
            chance = torch.Generator().manual_seed(seed)
            for update in range(self.updates):
                rows = torch.randint(len(data.x), (self.batch,), generator=chance)
                x, y = data.x[rows], data.y[rows]
                loss, g = gradient(net, weights, x, y)
                after = moved(weights, g, -self.rate)
                if update % self.every == 0:
                    for kernel in turns:
                        place = int(kernel.split(".")[0])
                        _, then = gradient(net, {key: (after if int(key.split(".")[0]) < place else weights)[key] for key in weights}, x, y)
                        turns[kernel].append(float((then[kernel] - g[kernel]).norm() / g[kernel].norm()))
                    inputs = []
                    for state in (weights, after):
                        net.load_state_dict(state, strict=False)
                        inputs.append(before_relu(net, probe))
                    yield {"net": name, "update": update, "loss": loss, "drift": drift(*inputs)}
                weights = after
            for layer, kernel in enumerate(turns, 2):
                yield {"net": name, "layer": layer, "turn": median(turns[kernel])}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the drift is at most `less` of that without normalisation."""
        share = over_seeds(rows, lambda some: middle(some, "drift", "normalised") / middle(some, "drift", "plain"))
        drifts, turns = ([over_seeds(rows, partial(middle, name=name, net=net)) for net in ("normalised", "plain")]
                         for name in ("drift", "turn"))
        because = (f"at an update a unit's mean moves by {drifts[0]} standard deviations with it, {drifts[1]} without, {share} times as "
                   f"far; the gradient turns by {turns[0]} of its length with it, {turns[1]} without")
        zh = (f"一次更新使单元的均值移动的距离，有批量归一化时为 {drifts[0]:zh} 个标准差，没有时为 {drifts[1]:zh} 个，"
              f"前者是后者的 {share:zh} 倍；梯度的偏转与其长度之比，有批量归一化时为 {turns[0]:zh}，没有时为 {turns[1]:zh}")
        return Verdict(share.high <= self.less, because, zh)


def middle(rows: Sequence[Row], name: str, net: str) -> float:
    """The median of a number over the updates, or layers, of one seed."""
    return median(numbers(rows, name, net=net))
