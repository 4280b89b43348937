"""What a bias does just before batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds

DIGITS = 12  # beyond them is rounding, which depends on where numbers lie in memory


@dataclass(frozen=True)
class BiasBeforeBatchnormIsIdle(Experiment):
    """A bias just before batch normalisation changes nothing and receives no gradient, as the batch's mean is taken away again.

    BN(W x + b) = BN(W x), because (z + b) - mean(z + b) = z - mean(z) in each unit. The bias of a random layer is moved by up to several
    standard deviations of its output; the change is relative to the output of the normalisation, the gradient to that of the weights.
    """

    id = "bias-before-batchnorm-is-idle"
    zh = "紧接在批量归一化之前的偏置什么也不改变，也得不到梯度，因为批次的均值随后又被减去。"
    question = 11
    source = "Ioffe and Szegedy 2015 (Batch normalization), arXiv 1502.03167, section 3.2"
    rules = ("GW505",)
    quick = {"examples": 16}
    control = {"normalise": False}
    charts = (Chart("Change of the output when the bias moves", "bias", "change", zh="偏置移动时输出的变化"),)

    normalise: Annotated[bool, "batch normalisation after the layer"] = True
    inputs: Annotated[int, "units"] = 20
    outputs: Annotated[int, "units"] = 10
    examples: Annotated[int, "examples"] = 64
    biases: Annotated[tuple[float, ...], "standard deviations of the layer's output"] = (0.1, 1.0, 10.0)
    idle: Annotated[float, "of the output or the gradient, at most"] = 1e-9

    def measure(self, seed: int) -> Iterator[Row]:
        """Move the bias, and compare output and gradient with those for a bias of zero."""
        torch.manual_seed(seed)
        x = torch.randn(self.examples, self.inputs, dtype=torch.float64)
        layer = nn.Linear(self.inputs, self.outputs).double()
        after = nn.BatchNorm1d(self.outputs).double() if self.normalise else nn.Identity()
        direction, wanted = torch.randn(self.outputs).double(), torch.randn(self.examples, self.outputs).double()
        nn.init.zeros_(layer.bias)
        without = after(layer(x)).detach()
        std = layer(x).detach().std()
        for bias in self.biases:
            with torch.no_grad():
                layer.bias.copy_(bias * std * direction)
            y = after(layer(x))
            loss = (y - wanted).square().mean()
            of_w, of_b = torch.autograd.grad(loss, [layer.weight, layer.bias])
            change = (y.detach() - without).norm() / without.norm()
            yield {"bias": bias, "change": round(float(change), DIGITS), "gradient": round(float(of_b.norm() / of_w.norm()), DIGITS)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where neither the output changes nor the bias receives a gradient, whatever the bias."""
        change = over_seeds(rows, lambda some: max(numbers(some, "change")))
        gradient = over_seeds(rows, lambda some: max(numbers(some, "gradient")))
        because = (f"a bias of {max(self.biases):g} standard deviations or less changes the output by at most {change} of it; "
                   f"its gradient is at most {gradient} of the weights'")
        zh = (f"不超过 {max(self.biases):g} 个标准差的偏置，使输出的相对变化最多为 {change:zh}；"
              f"偏置的梯度最多为权重梯度的 {gradient:zh} 倍")
        return Verdict(change.high <= self.idle and gradient.high <= self.idle, because, zh)
