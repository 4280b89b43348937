"""How much gradient sigmoid, tanh and ReLU pass on through many layers, each with first weights of its own gain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import gradients, signals, size
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.nets.activations import activation


@dataclass(frozen=True)
class TanhKeepsTheGradient(Experiment):
    """With first weights of each one's own gain, tanh passes a gradient on through depth as well as ReLU does; only the sigmoid loses it.

    One layer scales the gradient by g sqrt(E[f'(z)^2]), with weights of deviation g/sqrt(fan-in) and g^2 = 1 / E[f(z)^2], which keeps the
    signal's size. For standard normal z that is about 1 for ReLU, 1.08 for tanh, 0.39 for the sigmoid: what tanh loses by f' < 1 its
    larger weights give back. It loses the gradient where z sits far from 0 in every layer, as the control's offset sees to.
    """

    id = "tanh-keeps-the-gradient"
    zh = "初始权重按各自的增益设定时，tanh 逐层传递梯度与 ReLU 一样好；只有 sigmoid 会丢失梯度。"
    question = 10
    source = "Glorot and Bengio 2010; Poole et al. 2016 (arXiv 1606.05340); Schoenholz et al. 2017 (arXiv 1611.01232)"
    textbook = "The gradient vanishes with tanh, if less than with the sigmoid, and not with ReLU."
    textbook_zh = "用 tanh 时梯度也会消失，只是不如 sigmoid 严重；用 ReLU 时不会。"
    rules = ("GW201", "GW102", "GW502")
    quick = {"width": 64, "examples": 32}
    control = {"offset": 2.0}
    charts = (
        Chart("Gradient at each layer, relative to the last layer's", "layer", "gradient", by="function", log_y=True,
              zh="各层梯度与最后一层的梯度之比"),
        Chart("Size of z at each layer", "layer", "size", by="function", log_y=True, zh="各层 z 的大小"),
    )

    offset: Annotated[float, "added to every z"] = 0.0
    depth: Annotated[int, "layers"] = 10
    width: Annotated[int, "units a layer"] = 256
    examples: Annotated[int, "examples"] = 128
    as_well: Annotated[float, "of what ReLU passes on a layer, at least, to be as good"] = 0.9
    lost: Annotated[float, "of the gradient passed on a layer, at most, for it to be lost"] = 0.6

    def measure(self, seed: int) -> Iterator[Row]:
        """Send one batch up and a random gradient down, for each activation."""
        for function in ("sigmoid", "tanh", "relu"):
            torch.manual_seed(seed)
            zs, a = signals(function, self.depth, self.width, self.examples, activation(function).gain, self.offset)
            for number, (z, gradient) in enumerate(zip(zs, downward := gradients(zs, a), strict=True), 1):
                yield {"function": function, "layer": number, "gradient": gradient / downward[-1], "size": size(z)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where a layer of tanh passes on about as much as one of ReLU, or more, and one of the sigmoid loses the gradient."""
        sigmoid, tanh, relu = (over_seeds(rows, partial(self.a_layer, function=function)) for function in ("sigmoid", "tanh", "relu"))
        against = over_seeds(rows, lambda some: self.a_layer(some, "tanh") / self.a_layer(some, "relu"))
        because = f"each layer passes on {sigmoid} of the gradient with sigmoid, {tanh} with tanh, {relu} with ReLU"
        zh = f"每经一层，梯度在 sigmoid 下变为 {sigmoid:zh} 倍，在 tanh 下变为 {tanh:zh} 倍，在 ReLU 下变为 {relu:zh} 倍"
        return Verdict(against.low >= self.as_well and sigmoid.high <= self.lost, because, zh)

    def a_layer(self, rows: Sequence[Row], function: str) -> float:
        """The part of the gradient that one layer passes on, as a mean over the layers."""
        return math.pow(numbers(rows, "gradient", layer=1, function=function)[0], 1 / max(1, self.depth - 1))
