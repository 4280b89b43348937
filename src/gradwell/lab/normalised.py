"""A deep net of linear layers and ReLU, with a normalisation before each ReLU or without, and how its layers' inputs move."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from gradwell.lab.tasks.digits import CLASSES, SIZE
from gradwell.nets.initializers import initialize

Weights = dict[str, Tensor]


def deep(depth: int, width: int, normalisation: Callable[[int], nn.Module] | None) -> nn.Sequential:
    """`depth` hidden layers from digits to classes, their weights drawn for ReLU (He et al. 2015), so that neither side starts ill."""
    layers: list[nn.Module] = [nn.Flatten()]
    units = SIZE**2
    for _ in range(depth):
        layers += [nn.Linear(units, width), *([normalisation(width)] if normalisation else []), nn.ReLU()]
        units = width
    net = nn.Sequential(*layers, nn.Linear(units, CLASSES))
    initialize(net, "he", "relu")
    return net


def gradient(net: nn.Module, weights: Weights, x: Tensor, y: Tensor) -> tuple[float, Weights]:
    """Cross-entropy of a batch at these weights, which need not be the net's own, and its gradient."""
    at = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    loss = functional.cross_entropy(functional_call(net, at, (x,)), y)
    return float(loss.detach()), dict(zip(at, torch.autograd.grad(loss, list(at.values())), strict=True))


def moved(weights: Weights, direction: Weights, by: float) -> Weights:
    """Weights after a step along a direction."""
    return {name: weight.detach() + by * direction[name] for name, weight in weights.items()}


def norm(weights: Weights) -> float:
    """The Euclidean norm of all weights together."""
    return float(torch.stack([weight.detach().norm() for weight in weights.values()]).norm())


@torch.no_grad()
def before_relu(net: nn.Sequential, x: Tensor) -> list[Tensor]:
    """What each ReLU is given for a batch, (examples, units) a layer; the net in the mode it is in."""
    seen: list[Tensor] = []
    handles = [layer.register_forward_pre_hook(partial(keep, seen)) for layer in net if isinstance(layer, nn.ReLU)]
    net(x)
    for handle in handles:
        handle.remove()
    return seen


def keep(seen: list[Tensor], _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Put a layer's input to what was seen."""
    seen.append(inputs[0])


def drift(before: list[Tensor], after: list[Tensor]) -> float:
    """How far the mean of a unit moved, in its own standard deviations; the mean over units and layers."""
    return fmean(float(((b.mean(0) - a.mean(0)).abs() / (a.std(0) + 1e-6)).mean()) for a, b in zip(before, after, strict=True))
