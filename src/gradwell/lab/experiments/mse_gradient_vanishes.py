"""The gradient at the logits under the squared error of probabilities and under cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gradwell.errors import OptionError
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, last, numbers, over_seeds
from gradwell.nets.losses import loss

ROUNDING = 1e-12  # what is smaller counts as this, since it is not the same twice


@dataclass(frozen=True)
class MseGradientVanishes(Experiment):
    """Where a net is confidently wrong, the gradient of the squared error of its softmax vanishes at the logits; cross-entropy's does not.

    With p = softmax(z) and q the one-hot target, dL/dz = 2 J (p - q), J = diag(p) - p p^T, for L = |p - q|^2: every entry of J is a
    p (1 - p) or a -p_j p_k, which go to 0 as one p goes to 1, right or wrong. Cross-entropy's -ln p_y cancels J: dL/dz = p - q. A wrong
    class's logit is raised above the right one's step by step; autograd measures both gradients, and the formulas must agree with it.
    Softmax over two classes is the sigmoid of the difference of their logits, so all this is true of the sigmoid.
    """

    id = "mse-gradient-vanishes"
    zh = "网络自信地出错时，softmax 输出的平方误差对 logit 的梯度会消失，交叉熵的不会。"
    question = 1
    source = "Bridle 1990 (Training stochastic model recognition algorithms as networks); Glorot and Bengio 2010, section 4.1"
    rules = ("GW301",)
    quick = {"examples": 50}
    control = {"loss": "cross_entropy"}
    charts = (Chart("Gradient at the logits by how far the wrong class is ahead", "ahead", "gradient", by="loss",
                    zh="logit 处的梯度与错误类别领先量的关系"),
              Chart("The same, drawn in powers of ten", "ahead", "gradient", by="loss", log_y=True, zh="同上，纵轴为对数刻度"))

    loss: Annotated[str, "squared_error or cross_entropy"] = "squared_error"
    classes: Annotated[int, "classes"] = 10
    ahead: Annotated[int, "by which the wrong class's logit is above the right one's, at most"] = 15
    examples: Annotated[int, "examples"] = 500
    left: Annotated[float, "of the largest gradient, at most, for it to have vanished"] = 0.01

    def measure(self, seed: int) -> Iterator[Row]:
        """Raise one wrong logit over otherwise random ones, and take the mean norm of the gradient over the examples."""
        if self.loss not in GRADIENTS:
            raise OptionError(f"this claim knows the losses {' and '.join(GRADIENTS)}, not {self.loss!r}")
        torch.manual_seed(seed)
        noise = torch.randn(self.examples, self.classes, dtype=torch.float64)
        q = one_hot(torch.zeros(self.examples, dtype=torch.long), self.classes).double()  # class 0 is right, class 1 is ahead of it
        for ahead in range(-self.ahead, self.ahead + 1):
            z = noise.clone()
            z[:, 1] = z[:, 0] + ahead
            z.requires_grad_()
            for name in dict.fromkeys((self.loss, "cross_entropy")):
                (gradient,) = torch.autograd.grad(value(name, z, q), z)
                formula = GRADIENTS[name](z.detach(), q)
                p = float(z.detach().softmax(1)[:, 0].mean())
                yield {"loss": name, "ahead": ahead, "p": p, "gradient": float(gradient.norm(dim=1).mean()),
                       "error": max(ROUNDING, float((gradient - formula).abs().max()))}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the gradient is all but gone at the most confident error, and autograd and the formula agree everywhere."""
        gone = over_seeds(rows, lambda some: numbers(some, "gradient", loss=self.loss)[-1] / max(numbers(some, "gradient", loss=self.loss)))
        here, there = (last(rows, "gradient", loss=name) for name in (self.loss, "cross_entropy"))
        error = over_seeds(rows, lambda some: max(numbers(some, "error")))
        because = (f"with the wrong class {self.ahead} ahead the gradient is {here} under {self.loss}, {gone} of its largest, and {there} "
                   f"under cross_entropy; autograd and the formulas differ by {error} at most")
        zh = (f"错误类别领先 {self.ahead} 时，{self.loss} 的梯度为 {here:zh}，是其最大值的 {gone:zh} 倍，"
              f"cross_entropy 的梯度为 {there:zh}；自动求导与公式最多相差 {error:zh}")
        return Verdict(gone.high <= self.left and error.high < 1e-9, because, zh)


def value(name: str, z: Tensor, q: Tensor) -> Tensor:
    """The loss of logits z against one-hot targets q, summed over examples and classes."""
    total: Tensor = loss(name).value(z.softmax(1) if name == "squared_error" else z, q, reduction="sum")
    return total


def squared_error_gradient(z: Tensor, q: Tensor) -> Tensor:
    """2 (p (p - q) - p p^T (p - q)), row by row."""
    p = z.softmax(1)
    return 2 * p * (p - q - (p * (p - q)).sum(1, keepdim=True))


def cross_entropy_gradient(z: Tensor, q: Tensor) -> Tensor:
    """What the library's closed form says: p - q."""
    gradient: Tensor = loss("cross_entropy").gradient(z, q, reduction="sum")
    return gradient


GRADIENTS = {"squared_error": squared_error_gradient, "cross_entropy": cross_entropy_gradient}
