"""Plain gradient descent, watched step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


def descend(net: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, rate: float, steps: int) -> Iterator[float]:
    """Gradient descent on all examples at once, w <- w - rate dL/dw; gives the loss before each step, and once after the last."""
    parameters = list(net.parameters())
    for _ in range(steps):
        value = loss(net(x), y)
        yield float(value.detach())
        gradients = torch.autograd.grad(value, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=rate)
    with torch.no_grad():
        yield float(loss(net(x), y))
