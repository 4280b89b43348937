"""How much of the gradient is left at the first of many sigmoid layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.nets.activations import activation


@dataclass(frozen=True)
class SigmoidGradientDies(Experiment):
    """Through sigmoid layers the gradient shrinks to at most a quarter a layer, so the first of many layers learns nothing.

    delta_l = (W^T delta_(l+1)) * f'(z_l), and the sigmoid's f' = s (1 - s) is at most 1/4. The weights are drawn with
    standard deviation 1/sqrt(fan-in), which by itself keeps the gradient's size.
    """

    id = "sigmoid-gradient-dies"
    zh = "经过 sigmoid 层时，梯度每层至多剩下四分之一，所以层数多时第一层什么也学不到。"
    question = 10
    source = "Hochreiter 1991; Glorot and Bengio 2010 (Understanding the difficulty of training deep feedforward neural networks)"
    rules = ("GW201", "GW103")
    quick = {"width": 32, "examples": 32}
    control = {"function": "relu"}
    charts = (Chart("Gradient at each layer, relative to the last layer's", "layer", "gradient", log_y=True,
                    zh="各层梯度与最后一层的梯度之比"),)

    function: Annotated[str, "activation"] = "sigmoid"
    depth: Annotated[int, "layers", Least(2)] = 10
    width: Annotated[int, "units a layer"] = 128
    examples: Annotated[int, "examples"] = 256
    left: Annotated[float, "of the gradient a layer, at most, for it to die"] = 0.25

    def measure(self, seed: int) -> Iterator[Row]:
        """Send one batch forward and back; compare the gradient's norm before each activation."""
        torch.manual_seed(seed)
        f = activation(self.function).layer()
        a, inputs = torch.randn(self.examples, self.width), []
        for _ in range(self.depth):
            w = torch.randn(self.width, self.width) / self.width**0.5
            inputs.append(z := (a @ w.T).requires_grad_())
            a = f(z)
        norms = [float(grad.norm()) for grad in torch.autograd.grad((a * torch.randn_like(a)).sum(), inputs)]
        for layer, norm in enumerate(norms, 1):
            yield {"layer": layer, "gradient": norm / norms[-1]}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the gradient at the first layer is that of the last times `left`, or less, for each layer between."""
        first = over_seeds(rows, lambda some: numbers(some, "gradient", layer=1)[0])
        a_layer = over_seeds(rows, lambda some: numbers(some, "gradient", layer=1)[0] ** (1 / (self.depth - 1)))
        because = f"{first} of the gradient reaches the first of {self.depth} layers; each passes on {a_layer} of it"
        zh = f"{self.depth} 层中的第一层得到的梯度为原来的 {first:zh} 倍；每经一层变为 {a_layer:zh} 倍"
        return Verdict(a_layer.high <= self.left, because, zh)
