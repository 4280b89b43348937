"""Losses over labels that do not exclude each other: each logit is a yes or no of its own, s = sigmoid(z), z of any shape.

With one logit an example that is binary classification, with one a label it is multi-label classification. The mean is over all logits.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gradwell.errors import OptionError
from gradwell.nets.losses.loss import alike, known, reduced, shared


def binary_cross_entropy(z: Tensor, target: Tensor, *, weight: Tensor | None = None, pos_weight: Tensor | None = None,
                         reduction: str = "mean") -> Tensor:
    """L = - w (v y ln s + (1 - y) ln(1 - s)), with v = pos_weight; torch's.

    target: like z, from 0 to 1. weight, pos_weight: whatever broadcasts to z, such as one number a label (labels,).
    """
    return F.binary_cross_entropy_with_logits(z, alike(z, target), weight, reduction=known(reduction), pos_weight=pos_weight)


def binary_cross_entropy_gradient(z: Tensor, target: Tensor, *, weight: Tensor | None = None, pos_weight: Tensor | None = None,
                                  reduction: str = "mean") -> Tensor:
    """dL/dz = w ((1 - y) s - v y (1 - s)), which is s - y without weights."""
    y, s = alike(z, target), z.sigmoid()
    slopes = (1 - y) * s - (y if pos_weight is None else pos_weight * y) * (-z).sigmoid()
    return shared(slopes if weight is None else weight * slopes, reduction, z.numel())


def binary_focal(z: Tensor, target: Tensor, *, gamma: float = 2.0, alpha: float | None = None, reduction: str = "mean") -> Tensor:
    """L = - a (1 - p)^gamma ln p, with p = s where y = 1 and 1 - s where y = 0; a is alpha and 1 - alpha, or 1 without it.

    target: like z, 0 or 1. Where positives are as rare as in object detection, divide the sum by their number, as the paper does.
    """
    u, a = signed(z, target, gamma, alpha)
    rest = (-u).sigmoid().clamp_min(torch.finfo(z.dtype).tiny)  # 0 has no finite slope under a root
    return reduced(-a * rest.pow(gamma) * F.logsigmoid(u), reduction, z.numel())


def binary_focal_gradient(z: Tensor, target: Tensor, *, gamma: float = 2.0, alpha: float | None = None,
                          reduction: str = "mean") -> Tensor:
    """dL/dz = (2 y - 1) a (1 - p)^gamma (gamma p ln p - (1 - p))."""
    u, a = signed(z, target, gamma, alpha)
    rest = (-u).sigmoid()
    slopes = (2 * target.to(z.dtype) - 1) * a * rest.pow(gamma) * (gamma * u.sigmoid() * F.logsigmoid(u) - rest)
    return shared(slopes, reduction, z.numel())


def signed(z: Tensor, target: Tensor, gamma: float, alpha: float | None) -> tuple[Tensor, Tensor | float]:
    """The logit of what is true, u = z or -z, and the weight a of each."""
    y = alike(z, target)
    if not bool(((y == 0) | (y == 1)).all()):
        raise OptionError(f"the focal loss takes targets 0 and 1, not {float(y[(y != 0) & (y != 1)][0]):.4g}")
    if gamma < 0 or (alpha is not None and not 0 <= alpha <= 1):
        raise OptionError(f"the focal loss takes gamma of 0 or more and alpha from 0 to 1, not {gamma} and {alpha}")
    return torch.where(y > 0, z, -z), 1.0 if alpha is None else torch.where(y > 0, alpha, 1 - alpha).to(z.dtype)


def hinge(z: Tensor, target: Tensor, *, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """L = max(0, margin - y z), for targets -1 and 1 like z."""
    return reduced((margin - sides(z, target) * z).clamp_min(0), reduction, z.numel())


def hinge_gradient(z: Tensor, target: Tensor, *, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """dL/dz = -y where y z < margin, else 0."""
    y = sides(z, target)
    return shared(torch.where(y * z < margin, -y, torch.zeros_like(y)), reduction, z.numel())


def sides(z: Tensor, target: Tensor) -> Tensor:
    """The target, if it is -1 or 1 everywhere; else OptionError."""
    y = alike(z, target)
    if not bool((y.abs() == 1).all()):
        raise OptionError(f"the hinge takes targets -1 and 1, not {float(y[y.abs() != 1][0]):.4g}")
    return y
