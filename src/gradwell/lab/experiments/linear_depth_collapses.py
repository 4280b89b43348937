"""What many layers without activations amount to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import network
from gradwell.lab.rows import Row, numbers, over_seeds

ROUNDING = 1e-12  # what is smaller counts as this, since it is not the same twice


@dataclass(frozen=True)
class LinearDepthCollapses(Experiment):
    """However many layers it has, a net without activations is one matrix and one bias: the product of its weights.

    W_2 (W_1 x + b_1) + b_2 = (W_2 W_1) x + (W_2 b_1 + b_2), and so on. Two things are measured on random inputs: how far the net is from
    the product of its weights, and how much of what it says the best single layer, by least squares, leaves unexplained.
    """

    id = "linear-depth-collapses"
    zh = "没有激活函数的网络无论多少层，都等于一个矩阵加一个偏置，即各层权重之积。"
    question = 9
    source = "Minsky and Papert 1969 (Perceptrons); Saxe, McClelland and Ganguli 2014 (arXiv 1312.6120)"
    rules = ("GW104",)
    quick = {"examples": 200}
    control = {"function": "tanh"}
    charts = (Chart("What the best single layer leaves unexplained, by depth", "depth", "unexplained", log_y=True,
                    zh="不同深度下最佳单层未能解释的部分"),
              Chart("Distance from the product of the weights, by depth", "depth", "distance", log_y=True, zh="不同深度下与权重之积的距离"))

    function: Annotated[str, "activation, or none"] = "none"
    depths: Annotated[tuple[int, ...], "layers"] = (2, 3, 5, 10, 20)
    width: Annotated[int, "units a layer"] = 32
    inputs: Annotated[int, "inputs"] = 8
    examples: Annotated[int, "examples"] = 2000
    gain: Annotated[float, "of the weights: their standard deviation times sqrt(fan-in)"] = 1.5
    equal: Annotated[float, "of the outputs' size, at most, that two nets differ by where they are the same"] = 1e-9

    def measure(self, seed: int) -> Iterator[Row]:
        """Compare nets of each depth with one layer."""
        for depth in self.depths:
            torch.manual_seed(seed)
            net = network(self.function, self.inputs, *[self.width] * (depth - 1), self.inputs).double()
            for layer in net:
                if isinstance(layer, nn.Linear):
                    nn.init.normal_(layer.weight, std=self.gain / layer.in_features**0.5)
            x = torch.randn(self.examples, self.inputs, dtype=torch.float64)
            with torch.no_grad():
                y, (w, b) = net(x), product(net)
                ones = torch.cat([x, torch.ones(len(x), 1, dtype=torch.float64)], 1)
                rest = y - ones @ torch.linalg.lstsq(ones, y).solution
                distance, unexplained = (x @ w.T + b - y).norm() / y.norm(), rest.square().sum() / (y - y.mean(0)).square().sum()
                yield {"depth": depth, "distance": max(ROUNDING, float(distance)), "unexplained": max(ROUNDING, float(unexplained))}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where at every depth the net is the product of its weights, and one layer explains all of it."""
        distance, unexplained = (over_seeds(rows, partial(most, name=name)) for name in ("distance", "unexplained"))
        because = (f"nets of {', '.join(map(str, self.depths))} layers differ from the product of their weights by at most {distance} of "
                   f"their outputs; the best single layer leaves {unexplained} of their variance unexplained at most")
        zh = (f"{'、'.join(map(str, self.depths))} 层的网络与其权重之积最多相差输出的 {distance:zh} 倍；"
              f"最佳单层未能解释的方差最多占 {unexplained:zh}")
        return Verdict(distance.high <= self.equal and unexplained.high <= self.equal, because, zh)


def most(rows: Sequence[Row], name: str) -> float:
    """The largest number of that name."""
    return max(numbers(rows, name))


def product(net: nn.Sequential) -> tuple[Tensor, Tensor]:
    """The one matrix and the one bias that a net's linear layers are, put one after the other."""
    first, *others = (layer for layer in net if isinstance(layer, nn.Linear))
    w: Tensor = first.weight
    b: Tensor = first.bias
    for layer in others:
        w, b = layer.weight @ w, layer.weight @ b + layer.bias
    return w, b
