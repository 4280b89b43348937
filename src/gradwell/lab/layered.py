"""Networks of plain layers, and what becomes of a signal on its way up through them and of a gradient on its way down."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from gradwell.nets.activations import activation


def layer(function: str) -> nn.Module:
    """The layer of an activation; of "none" one that passes its input on."""
    return nn.Identity() if function == "none" else activation(function).layer()


def network(function: str, *widths: int) -> nn.Sequential:
    """Linear layers with an activation between each two of them; the widths are those of the inputs, the hidden layers and the outputs."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), layer(function)]
    return nn.Sequential(*layers[:-1])


def signals(function: str, depth: int, width: int, examples: int, deviation: float, offset: float = 0.0) -> tuple[list[Tensor], Tensor]:
    """Standard normal inputs a_0 sent up through random layers z_l = W_l a_(l-1) + offset, a_l = f(z_l): every z_l, and the last a.

    The weights have the standard deviation `deviation` / sqrt(width). A gradient can be sent back to every z_l.
    """
    f, zs = layer(function).double(), []
    a = torch.randn(examples, width, dtype=torch.float64)
    for _ in range(depth):
        w = torch.randn(width, width, dtype=torch.float64) * deviation / width**0.5
        zs.append(z := (a @ w.T + offset).requires_grad_())
        a = f(z)
    return zs, a


def gradients(zs: Sequence[Tensor], a: Tensor) -> list[float]:
    """The norm of the gradient at each z_l, where a random gradient comes in at the last a."""
    return [float(one.norm()) for one in torch.autograd.grad((a * torch.randn_like(a)).sum(), zs)]


def size(z: Tensor) -> float:
    """The root of the mean square."""
    return float(z.detach().square().mean().sqrt())


@torch.no_grad()
def dead(net: nn.Sequential, x: Tensor) -> float:
    """The share of hidden units that are not above zero for any of the inputs, in a net as `network` builds it."""
    never = []
    for one in [*net][:-1]:
        x = one(x)
        if not isinstance(one, nn.Linear):
            never.append((x <= 0).all(0))
    return float(torch.cat(never).float().mean())
