"""Whether the recursion of the textbook is the gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import network
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.nets.activations import activation
from gradwell.nets.backprop import explain

ROUNDING = 1e-12  # what is smaller counts as this, since it is not the same twice


@dataclass(frozen=True)
class BackpropagationIsTheRecursion(Experiment):
    """The recursion delta_l = (W^T delta_(l+1)) * f'(z_l) gives the same gradient as autograd and as finite differences.

    With z_l = W_l a_(l-1) + b_l, a_l = f(z_l) and delta_l = dL/dz_l: dL/dW_l = delta_l a_(l-1)^T. The recursion is written down here as it
    stands; besides it there are `gradwell.nets.backprop.explain`, which keeps every factor, torch's autograd, and for each single weight
    (L(w + h) - L(w - h)) / 2h. Without f' the last layer is still right, and every layer below it is wrong.
    """

    id = "backpropagation-is-the-recursion"
    zh = "由递推式 delta_l = (W^T delta_(l+1)) * f'(z_l) 得到的梯度，与自动微分和有限差分得到的相同。"
    question = 12
    source = "Rumelhart, Hinton and Williams 1986 (Learning representations by back-propagating errors)"
    rules = ("GW201", "GW206")
    quick = {"width": 4, "examples": 8}
    control = {"with_slope": False}
    charts = (Chart("Distance from autograd's gradient by layer", "layer", "distance", by="way", log_y=True,
                    zh="各层与自动微分的梯度的距离"),)

    function: Annotated[str, "activation"] = "tanh"
    with_slope: Annotated[bool, "whether the recursion multiplies by f'(z)"] = True
    depth: Annotated[int, "layers"] = 5
    width: Annotated[int, "units a layer"] = 8
    examples: Annotated[int, "examples"] = 32
    step: Annotated[float, "h of the finite differences"] = 1e-5
    equal: Annotated[float, "of the gradient's size, at most, that two that are the same differ by"] = 1e-6

    def measure(self, seed: int) -> Iterator[Row]:
        """Take the gradient of each layer's weights in four ways; the distances are from autograd's, relative to its size."""
        torch.manual_seed(seed)
        net = network(self.function, *[self.width] * (self.depth + 1)).double()
        x, y = torch.randn(self.examples, self.width, dtype=torch.float64), torch.randint(self.width, (self.examples,))
        weights = [layer.weight for layer in net if isinstance(layer, nn.Linear)]
        autograd = torch.autograd.grad(cross_entropy(net(x), y), weights)
        explained = [factor.gradients["weight"] for factor in explain(net, cross_entropy, (x, y)).factors if "weight" in factor.gradients]
        ways = {"recursion": self.recursion(net, x, y), "explain": explained,
                "finite differences": [self.differences(net, x, y, w) for w in weights]}
        for way, found in ways.items():
            for number, (one, right) in enumerate(zip(found, autograd, strict=True), 1):
                yield {"way": way, "layer": number, "distance": max(ROUNDING, float((one - right).norm() / right.norm()))}

    @torch.no_grad()
    def recursion(self, net: nn.Sequential, x: Tensor, y: Tensor) -> list[Tensor]:
        """dL/dW of each layer by the textbook's recursion."""
        slope, layers = activation(self.function).derivative, [layer for layer in net if isinstance(layer, nn.Linear)]
        f, a, z = activation(self.function).layer(), [x], []
        for layer in layers:
            z.append(a[-1] @ layer.weight.T + layer.bias)
            a.append(f(z[-1]))
        delta = z[-1].softmax(1)
        delta[range(len(y)), y] -= 1
        delta /= len(y)  # p - q, averaged over the examples
        found = [delta.T @ a[-2]]
        for number in range(len(layers) - 1, 0, -1):
            delta = delta @ layers[number].weight
            if self.with_slope:
                delta = delta * slope(z[number - 1])
            found.insert(0, delta.T @ a[number - 1])
        return found

    @torch.no_grad()
    def differences(self, net: nn.Module, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """dL/dw of each weight of a matrix by changing it alone."""
        found, flat = torch.empty_like(weight).flatten(), weight.view(-1)
        for i in range(len(flat)):
            here = float(flat[i])
            flat[i] = here + self.step
            above = float(cross_entropy(net(x), y))
            flat[i] = here - self.step
            found[i] = (above - float(cross_entropy(net(x), y))) / (2 * self.step)
            flat[i] = here
        return found.view_as(weight)

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where all are the same gradient but for rounding."""
        ways = {way: over_seeds(rows, partial(largest, way=way)) for way in ("recursion", "explain", "finite differences")}
        because = f"relative distance from autograd's gradient, at most: {', '.join(f'{way} {far}' for way, far in ways.items())}"
        zh = f"与自动微分的梯度的相对距离，最大为：{'，'.join(f'{way} {far:zh}' for way, far in ways.items())}"
        return Verdict(all(far.high <= self.equal for far in ways.values()), because, zh)


def largest(rows: Sequence[Row], way: str) -> float:
    """The largest distance of all layers."""
    return max(numbers(rows, "distance", way=way))
