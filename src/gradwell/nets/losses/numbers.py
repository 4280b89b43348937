"""Losses over numbers to be predicted: z and y of one shape. The mean is over all of them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gradwell.nets.losses.loss import alike, known, shared


def squared_error(z: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """L = (z - y)^2; torch's."""
    return F.mse_loss(z, alike(z, target), reduction=known(reduction))


def squared_error_gradient(z: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """dL/dz = 2 (z - y)."""
    return shared(2 * (z - alike(z, target)), reduction, z.numel())


def absolute_error(z: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """L = |z - y|; torch's."""
    return F.l1_loss(z, alike(z, target), reduction=known(reduction))


def absolute_error_gradient(z: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """dL/dz = sign(z - y)."""
    return shared((z - alike(z, target)).sign(), reduction, z.numel())


def huber(z: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """L = e^2 / 2 where |e| < delta, else delta (|e| - delta / 2), with e = z - y; torch's."""
    return F.huber_loss(z, alike(z, target), reduction=known(reduction), delta=delta)


def huber_gradient(z: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """dL/dz = e cut to [-delta, delta]."""
    return shared((z - alike(z, target)).clamp(-delta, delta), reduction, z.numel())


def smooth_l1(z: Tensor, target: Tensor, *, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    """L = e^2 / (2 beta) where |e| < beta, else |e| - beta / 2, with e = z - y: the Huber loss over its delta; torch's."""
    return F.smooth_l1_loss(z, alike(z, target), reduction=known(reduction), beta=beta)


def smooth_l1_gradient(z: Tensor, target: Tensor, *, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    """dL/dz = e / beta cut to [-1, 1]; sign(e) where beta is 0."""
    e = z - alike(z, target)
    return shared((e / beta).clamp(-1, 1) if beta else e.sign(), reduction, z.numel())


def poisson(z: Tensor, target: Tensor, *, full: bool = False, reduction: str = "mean") -> Tensor:
    """L = exp(z) - y z, for counts y and the logarithm z of their rate; with `full` the rest of -ln P(y), by Stirling; torch's.

    A rate beyond the largest number of its type is infinite, and so is the loss then: in float32 from z = 88.8 on.
    """
    return F.poisson_nll_loss(z, alike(z, target), log_input=True, full=full, reduction=known(reduction))


def poisson_gradient(z: Tensor, target: Tensor, *, full: bool = False, reduction: str = "mean") -> Tensor:  # noqa: ARG001 - the rest does not hang on z
    """dL/dz = exp(z) - y."""
    return shared(z.exp() - alike(z, target), reduction, z.numel())


def same(z: Tensor) -> Tensor:
    """The logits themselves."""
    return z


def rate(z: Tensor) -> Tensor:
    """Counts that are expected; infinite beyond the largest number."""
    return z.exp()
