"""What bounds a signal where the weights are too large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import gradients, signals, size
from gradwell.lab.rows import Row, last, numbers, over_seeds
from gradwell.nets.activations import activation


@dataclass(frozen=True)
class ReluMayExplode(Experiment):
    """Where the weights are too large, ReLU's outputs grow with every layer without bound, and those of tanh stay below 1.

    ReLU(c z) = c ReLU(z): weights c times too large make every layer's output c times larger, c^k after k layers. |tanh(z)| < 1 whatever
    z is. Only the outputs are safe with tanh: its gradient grows on the way back, as the second chart shows, if by less.
    """

    id = "relu-may-explode"
    zh = "权重过大时，ReLU 的输出逐层增长，没有上界，而 tanh 的输出始终小于 1。"
    question = 10
    source = "He et al. 2015 (arXiv 1502.01852); Hanin and Rolnick 2018 (How to start training, arXiv 1803.01719)"
    rules = ("GW106", "GW502")
    quick = {"width": 128, "examples": 32}
    control = {"too_large": 1.0}
    charts = (
        Chart("Size of the outputs by layer", "layer", "size", by="function", log_y=True, zh="各层输出的大小"),
        Chart("Gradient by layer, relative to the last layer's", "layer", "gradient", by="function", log_y=True,
              zh="各层梯度与最后一层的梯度之比"),
    )

    function: Annotated[str, "activation without bound"] = "relu"
    bounded: Annotated[str, "activation with a bound"] = "tanh"
    too_large: Annotated[float, "times that the weights are larger than their activation needs"] = 1.5
    depth: Annotated[int, "layers"] = 20
    width: Annotated[int, "units a layer"] = 256
    examples: Annotated[int, "examples"] = 128
    grown: Annotated[float, "times that the outputs grow from the first layer to the last, at least, to explode"] = 100.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Send one batch up through either activation, its weights larger by the same factor than its own gain asks for."""
        for function in (self.function, self.bounded):
            torch.manual_seed(seed)
            one = activation(function)
            zs, a = signals(function, self.depth, self.width, self.examples, self.too_large * one.gain)
            f = one.layer().double()
            for number, (z, gradient) in enumerate(zip(zs, downward := gradients(zs, a), strict=True), 1):
                yield {"function": function, "layer": number, "size": size(f(z)), "gradient": gradient / downward[-1]}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the outputs of the one grow so many times from the first layer to the last, and those of the other do not."""
        free, bounded = (over_seeds(rows, partial(growth, function=function)) for function in (self.function, self.bounded))
        back = last(rows, "gradient", function=self.bounded, layer=1)
        because = (f"from layer 1 to {self.depth} the outputs grow {free} times with {self.function}, {bounded} times with {self.bounded}, "
                   f"whose gradient grows {back} times on the way back")
        zh = (f"从第 1 层到第 {self.depth} 层，输出在 {self.function} 下变为 {free:zh} 倍，在 {self.bounded} 下变为 {bounded:zh} 倍，"
              f"后者的梯度在回传途中变为 {back:zh} 倍")
        return Verdict(free.low > self.grown > bounded.high, because, zh)


def growth(rows: Sequence[Row], function: str) -> float:
    """The last layer's size in units of the first layer's."""
    sizes = numbers(rows, "size", function=function)
    return sizes[-1] / sizes[0]
