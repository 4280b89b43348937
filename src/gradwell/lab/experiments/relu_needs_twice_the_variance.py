"""How much larger first weights must be where ReLU takes half of the signal away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import gradients, signals, size
from gradwell.lab.rows import Row, last


@dataclass(frozen=True)
class ReluNeedsTwiceTheVariance(Experiment):
    """Through ReLU layers a signal and its gradient keep their size with weights of variance 2/fan-in, and with 1/fan-in both die.

    ReLU is zero for half of all z, so E[a^2] = Var(z) / 2 and Var(z_(l+1)) = fan-in Var(w) Var(z_l) / 2. On the way back f' is 1 for the
    same half, so the gradient's variance is halved as well. With 1/fan-in each layer leaves sqrt(1/2) = 0.71 of the size.
    """

    id = "relu-needs-twice-the-variance"
    zh = "权重的方差取 2/fan-in 时，信号及其梯度经过各 ReLU 层大小不变；取 1/fan-in 时，两者都会消失。"
    question = 13
    source = "He, Zhang, Ren and Sun 2015 (Delving deep into rectifiers, arXiv 1502.01852)"
    rules = ("GW502", "GW105", "GW201")
    quick = {"width": 128, "examples": 32}
    control = {"variance": 1.0}
    charts = (
        Chart("Size of the signal by layer", "layer", "size", by="variance", log_y=True, zh="各层信号的大小"),
        Chart("Size of the gradient by layer, relative to the last layer's", "layer", "gradient", by="variance", log_y=True,
              zh="各层梯度的大小与最后一层之比"),
    )

    function: Annotated[str, "activation"] = "relu"
    variance: Annotated[float, "variance of the weights, times fan-in"] = 2.0
    depth: Annotated[int, "layers"] = 20
    width: Annotated[int, "units a layer"] = 256
    examples: Annotated[int, "examples"] = 128
    kept: Annotated[float, "times, at most, that a size changes between the first and the last layer where it is kept"] = 5.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Send one batch up and a random gradient down, with this variance and with half of it."""
        for variance in (self.variance, self.variance / 2):
            torch.manual_seed(seed)
            zs, a = signals(self.function, self.depth, self.width, self.examples, variance**0.5)
            downward = gradients(zs, a)
            for number, (z, gradient) in enumerate(zip(zs, downward, strict=True), 1):
                yield {"variance": f"{variance:g}/fan-in", "layer": number, "size": size(z) / size(zs[0]),
                       "gradient": gradient / downward[-1]}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where signal and gradient come through all layers about as they were with this variance, and neither with half of it."""
        up, down, up_half, down_half = (
            last(rows, name, layer=layer, variance=f"{variance:g}/fan-in") for variance in (self.variance, self.variance / 2)
            for name, layer in (("size", self.depth), ("gradient", 1)))
        because = (f"through {self.depth} layers come {up} of the signal and {down} of the gradient with weights of variance "
                   f"{self.variance:g}/fan-in, {up_half} and {down_half} with half of that")
        zh = (f"权重的方差为 {self.variance:g}/fan-in 时，经过 {self.depth} 层后信号为原来的 {up:zh} 倍，梯度为 {down:zh} 倍；"
              f"方差减半时分别为 {up_half:zh} 倍和 {down_half:zh} 倍")
        kept = all(1 / self.kept < one.low and one.high < self.kept for one in (up, down))
        return Verdict(kept and max(up_half.high, down_half.high) < 1 / self.kept, because, zh)
