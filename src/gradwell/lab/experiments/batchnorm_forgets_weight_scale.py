"""What becomes of the size of weights that stand before batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds

DIGITS = 9  # beyond them is rounding, or the eps
EPS = 1e-12  # under the root of the variance; torch wants more than 0


@dataclass(frozen=True)
class BatchnormForgetsWeightScale(Experiment):
    """Weights before batch normalisation may be made c times as large: the output stays, and their gradient becomes 1/c as large.

    BN(c W x) = BN(W x), so dL/d(c W) = (1/c) dL/dW: a step that was too large makes the steps after it smaller. (It is so as long as
    the variance is far above the eps that is added to it.) Without the normalisation the output grows with c, and the gradient of a
    squared error with it. Errors are relative to the output, and to the gradient at c = 1.
    """

    id = "batchnorm-forgets-weight-scale"
    zh = "批量归一化之前的权重可以放大到 c 倍：输出不变，权重的梯度变为原来的 1/c。"
    question = 11
    source = "Ioffe and Szegedy 2015 (Batch normalization), arXiv 1502.03167, section 3.3"
    rules = ("GW402", "GW502")
    quick = {"examples": 16}
    control = {"normalise": False}
    charts = (Chart("Gradient of the weights, relative to that at c = 1", "c", "gradient", log_x=True, log_y=True,
                    zh="权重的梯度，相对于 c = 1 时的梯度"),
              Chart("Change of the output", "c", "change", log_x=True, zh="输出的变化"))

    normalise: Annotated[bool, "batch normalisation after the layer"] = True
    inputs: Annotated[int, "units"] = 20
    outputs: Annotated[int, "units"] = 10
    examples: Annotated[int, "examples"] = 64
    scales: Annotated[tuple[float, ...], "times the weights"] = (0.1, 0.5, 2.0, 10.0, 100.0)
    exact: Annotated[float, "relative error, at most"] = 1e-6

    def measure(self, seed: int) -> Iterator[Row]:
        """Scale the weights of a random layer, and compare output and gradient with those at c = 1."""
        torch.manual_seed(seed)
        x, wanted = torch.randn(self.examples, self.inputs).double(), torch.randn(self.examples, self.outputs).double()
        w = torch.randn(self.outputs, self.inputs).double()
        after = nn.BatchNorm1d(self.outputs, eps=EPS).double() if self.normalise else nn.Identity()

        def forward_and_back(c: float) -> tuple[torch.Tensor, torch.Tensor]:
            scaled = (c * w).requires_grad_()
            y = after(x @ scaled.T)
            return y.detach(), torch.autograd.grad((y - wanted).square().mean(), scaled)[0]

        y1, g1 = forward_and_back(1.0)
        for c in self.scales:
            y, g = forward_and_back(c)
            yield {"c": c, "change": round(float((y - y1).norm() / y1.norm()), DIGITS),
                   "gradient": round(float(g.norm() / g1.norm()), DIGITS), "off": round(float((c * g - g1).norm() / g1.norm()), DIGITS)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the output does not change and c times the gradient is the gradient at c = 1, whatever c."""
        change = over_seeds(rows, lambda some: max(numbers(some, "change")))
        off = over_seeds(rows, lambda some: max(numbers(some, "off")))
        largest = max(self.scales)
        gradient = over_seeds(rows, lambda some: numbers(some, "gradient", c=largest)[0])
        because = (f"the output changes by at most {change} of it; with weights {largest:g} times as large the gradient is {gradient} "
                   f"times what it was, and c times the gradient is off by at most {off}")
        zh = (f"输出的相对变化最多为 {change:zh}；权重放大到 {largest:g} 倍时，梯度是原来的 {gradient:zh} 倍，"
              f"而梯度乘以 c 之后的误差最多为 {off:zh}")
        return Verdict(change.high <= self.exact and off.high <= self.exact, because, zh)
