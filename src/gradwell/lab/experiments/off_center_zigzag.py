"""What it does to a unit's training that all its inputs are positive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from gradwell.lab.descent import descend
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import layer
from gradwell.lab.rows import Row, last, numbers, over_seeds


@dataclass(frozen=True)
class OffCenterZigzag(Experiment):
    """Where a unit's inputs are all positive, one example moves all its weights up or all down, and descent takes several times the steps.

    z = w a + b, so dL/dw_i = delta a_i for one example: all of delta's sign where every a_i > 0, as a sigmoid's outputs are. Over a batch
    the signs differ, but the common mean of the inputs stays: the curvature along (1, 1, ..., 1) is far larger than along all others, and
    the learning rate must suit the largest. A unit learns by full-batch descent from such inputs as they are, and from the same with their
    means taken off, with the best of the same learning rates for either.
    """

    id = "off-center-zigzag"
    zh = "单元的输入全为正时，一个样本会把它的权重全部调高或全部调低，梯度下降也要用数倍的步数。"
    question = 10
    source = "LeCun, Bottou, Orr and Mueller 1998 (Efficient BackProp); LeCun, Kanter and Solla 1991 (Phys. Rev. Lett. 66)"
    textbook = "The shared sign is the reason; it is gone in a batch, where the inputs' common mean slows the descent all the same."
    textbook_zh = "原因在于梯度同号；但在一个批次上同号便消失了，输入的共同均值却照样拖慢下降。"
    rules = ("GW103", "GW601")
    quick = {"steps": 300, "rates": (0.04, 0.16, 0.64)}
    control = {"function": "tanh"}
    charts = (Chart("Squared error above the lowest there is, best rate for each", "step", "excess", by="inputs", log_y=True,
                    zh="平方误差高出最低值的部分，两种输入各取最佳学习率"),
              Chart("Share of the weights that move the same way, by batch size", "batch", "agree", log_x=True,
                    zh="不同批大小下朝同一方向变动的权重所占比例"))

    function: Annotated[str, "activation whose outputs are the inputs"] = "sigmoid"
    inputs: Annotated[int, "inputs"] = 20
    examples: Annotated[int, "examples"] = 300
    noise: Annotated[float, "standard deviations of noise in the targets"] = 0.3
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
    near: Annotated[float, "of the targets' variance, above the lowest squared error, at which it is learned"] = 0.01
    steps: Annotated[int, "steps, at most"] = 1000
    batches: Annotated[tuple[int, ...], "examples a batch"] = (1, 3, 10, 30, 100, 300)
    slower: Annotated[float, "times as many steps, at least"] = 2.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Count the signs of the first gradients, then the steps from either kind of inputs."""
        torch.manual_seed(seed)
        a = layer(self.function).double()(torch.randn(self.examples, self.inputs, dtype=torch.float64))
        centred = a - a.mean(0)
        y = centred @ torch.randn(self.inputs, 1, dtype=torch.float64)
        y = y / y.std() + self.noise * torch.randn_like(y)
        for batch in self.batches:
            yield {"batch": batch, "agree": agreement(a, y, batch)}
        for name, x in (("as they are", a), ("centred", centred)):
            curves = [self.curve(x, y, rate) for rate in self.rates]
            best = min(curves, key=len)
            for step in range(0, len(best), max(1, len(best) // 30)):
                yield {"inputs": name, "step": step, "excess": best[step]}
            yield {"inputs": name, "steps": max(1, len(best) - 1)}

    def curve(self, x: Tensor, y: Tensor, rate: float) -> list[float]:
        """How far the squared error is above the lowest there is, step by step, in units of the targets' variance, until it is near."""
        ones, unit = torch.cat([x, torch.ones_like(y)], 1), nn.Linear(self.inputs, 1).double()
        lowest, found = float((ones @ torch.linalg.lstsq(ones, y).solution - y).square().mean()), []
        for parameter in unit.parameters():
            nn.init.zeros_(parameter)
        for error in descend(unit, mse_loss, x, y, rate, self.steps):
            found.append((error - lowest) / float(y.var()))
            if found[-1] <= self.near:
                break
        return found

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where one example moves all weights the same way, and the inputs as they are take so many times the steps."""
        agree = over_seeds(rows, lambda some: numbers(some, "agree")[0])
        there = over_seeds(rows, lambda some: numbers(some, "agree")[-1])
        off, centred = (last(rows, "steps", inputs=name) for name in ("as they are", "centred"))
        times = over_seeds(rows, lambda some: numbers(some, "steps")[0] / numbers(some, "steps")[1])
        because = (f"{agree} of the weights move the same way at an example, {there} at a batch of {self.batches[-1]}; descent takes "
                   f"{off} steps from the inputs as they are and {centred} from centred ones, {times} times as many")
        zh = (f"单个样本时，朝同一方向变动的权重占 {agree:zh}，批大小为 {self.batches[-1]} 时占 {there:zh}；"
              f"梯度下降用原始输入需 {off:zh} 步，用中心化的输入需 {centred:zh} 步，前者是后者的 {times:zh} 倍")
        return Verdict(agree.low > 0.99 and times.low >= self.slower, because, zh)


def agreement(x: Tensor, y: Tensor, batch: int) -> float:
    """The share of the weights whose first gradient has the commoner sign, a mean over the batches."""
    w = torch.zeros(x.shape[1], 1, dtype=x.dtype, requires_grad=True)
    shares = []
    for some, wanted in zip(torch.split(x, batch), torch.split(y, batch), strict=True):
        (gradient,) = torch.autograd.grad(mse_loss(some @ w, wanted), w)
        up = float((gradient > 0).double().mean())
        shares.append(max(up, 1 - up))
    return sum(shares) / len(shares)
