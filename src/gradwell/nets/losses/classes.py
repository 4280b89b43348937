"""Losses over classes that exclude each other: one logit a class, z (N, C) or (N, C, ...), p = softmax(z) over the classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gradwell.errors import OptionError
from gradwell.nets.losses.loss import alike, classes, known, reduced, shared


def softmax(z: Tensor) -> Tensor:
    """Probabilities of the classes, along axis 1."""
    return z.softmax(1)


def cross_entropy(z: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = -100, label_smoothing: float = 0.0,
                  reduction: str = "mean") -> Tensor:
    """L = - sum_c w_c q_c ln p_c, with q the smoothed target; torch's.

    target: class numbers (N, ...), or probabilities like z. weight: (C,).
    """
    check(z, target)
    return F.cross_entropy(z, target, weight, ignore_index=ignore_index, reduction=known(reduction), label_smoothing=label_smoothing)


def cross_entropy_gradient(z: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = -100,
                           label_smoothing: float = 0.0, reduction: str = "mean") -> Tensor:
    """dL/dz_c = p_c sum_k w_k q_k - w_c q_c; without weights that is p - q, and p - onehot for class numbers.

    The mean is over the examples, or, for class numbers, over the weights of their classes; ignored ones count for nothing.
    """
    check(z, target)
    w = torch.ones_like(z[:1]) if weight is None else weight.to(z.dtype).reshape(1, -1, *[1] * (z.dim() - 2))
    if target.is_floating_point():
        q, count, kept = target.to(z.dtype), torch.tensor(z.numel() / z.shape[1]), torch.ones_like(z[:, :1])
    else:
        kept = (target != ignore_index).unsqueeze(1).to(z.dtype)
        q = onehot(z, target.masked_fill(target == ignore_index, 0))
        count = (w * q * kept).sum()
    q = (1 - label_smoothing) * q + label_smoothing / z.shape[1]
    slopes = kept * (z.softmax(1) * (w * q).sum(1, keepdim=True) - w * q)
    return shared(slopes, reduction, count)


def check(z: Tensor, target: Tensor) -> None:
    """Raise OptionError unless the target is class numbers or probabilities for these logits."""
    if target.is_floating_point():
        alike(z, target)
    else:
        classes(z, target)


def onehot(z: Tensor, target: Tensor) -> Tensor:
    """1 at each example's class and 0 elsewhere, like z."""
    return torch.zeros_like(z).scatter_(1, target.unsqueeze(1), 1.0)


def focal(z: Tensor, target: Tensor, *, gamma: float = 2.0, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """L = - w_y (1 - p_y)^gamma ln p_y; examples that are right already weigh less.

    target: class numbers (N, ...). weight: (C,), the paper's alpha; the mean is over the examples, as there.
    """
    log_p, rest, w = chosen(z, target, gamma, weight)
    return reduced(-w * rest.clamp_min(torch.finfo(z.dtype).tiny).pow(gamma) * log_p, reduction, target.numel())


def focal_gradient(z: Tensor, target: Tensor, *, gamma: float = 2.0, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """dL/dz_c = w_y (1 - p_y)^gamma (1 - gamma p_y ln p_y / (1 - p_y)) (p_c - onehot_c)."""
    log_p, rest, w = chosen(z, target, gamma, weight)
    ratio = torch.where(rest > 0, log_p / rest.clamp_min(torch.finfo(z.dtype).tiny), -torch.ones_like(rest))  # ln p / (1 - p), -1 at p = 1
    factor = w * rest.pow(gamma) * (1 - gamma * log_p.exp() * ratio)
    return shared(factor.unsqueeze(1) * (z.softmax(1) - onehot(z, target)), reduction, target.numel())


def chosen(z: Tensor, target: Tensor, gamma: float, weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """The logarithm ln p_y, 1 - p_y without cancellation, and w_y, each (N, ...)."""
    classes(z, target)
    if gamma < 0:
        raise OptionError(f"gamma of the focal loss is 0 or more, not {gamma}")
    log_p = z.log_softmax(1).gather(1, target.unsqueeze(1)).squeeze(1)
    return log_p, -torch.expm1(log_p), torch.ones_like(log_p) if weight is None else weight.to(z.dtype)[target]


def kl_divergence(z: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """L = sum_c q_c (ln q_c - ln p_c), for soft targets q like z, such as a teacher's probabilities; torch's.

    The mean is over the examples: torch's "batchmean", since its "mean" divides by the number of classes, too.
    """
    terms = F.kl_div(z.log_softmax(1), alike(z, target), reduction="none").sum(1)
    return reduced(terms, reduction, terms.numel())


def kl_divergence_gradient(z: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """dL/dz_c = p_c sum_k q_k - q_c, which is p - q where q sums to 1."""
    q = alike(z, target)
    return shared(z.softmax(1) * q.sum(1, keepdim=True) - q, reduction, z.numel() / z.shape[1])


def multi_margin(z: Tensor, target: Tensor, *, margin: float = 1.0, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """L = w_y / C sum_(c != y) max(0, margin - z_y + z_c), for logits (N, C) and class numbers (N,); torch's."""
    flat(z, target)
    return F.multi_margin_loss(z, target, margin=margin, weight=weight, reduction=known(reduction))


def multi_margin_gradient(z: Tensor, target: Tensor, *, margin: float = 1.0, weight: Tensor | None = None,
                          reduction: str = "mean") -> Tensor:
    """dL/dz_c = w_y / C where c != y comes nearer than the margin, and less than 0 by their sum where c = y."""
    flat(z, target)
    y = target.unsqueeze(1)
    near = (margin - z.gather(1, y) + z > 0).to(z.dtype).scatter(1, y, 0.0)
    slopes = near.scatter(1, y, -near.sum(1, keepdim=True)) / z.shape[1]
    return shared(slopes if weight is None else slopes * weight.to(z.dtype)[y], reduction, len(z))


def flat(z: Tensor, target: Tensor) -> None:
    """Raise OptionError unless there are (N, C) logits and N class numbers."""
    if classes(z, target).dim() != 1:
        raise OptionError(f"the multi-class margin takes logits (N, C), not {tuple(z.shape)}")
