"""What a loss on logits is, and what all of them share: reductions and the checks of what comes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from gradwell.errors import OptionError

REDUCTIONS = ("mean", "sum", "none")


@dataclass(frozen=True)
class Loss:
    """A loss L(z, y) of logits z, which are what the last linear layer gives: no softmax, no sigmoid before it.

    value(z, target, reduction="mean", ...): the loss, which autograd can go back through; torch's own where torch has it.
    gradient(z, target, reduction="mean", ...): dL/dz in closed form, like z; for "none" row n is of example n's own loss, as for "sum".
    predict(z): what the logits say, for people and metrics: the head's function, which the loss has inside. Never put it before the loss.
    start: what the loss is, averaged, where every logit is 0, as an untrained network's nearly are; y and q stand for the targets.
    """

    name: str
    formula: str
    slope: str
    head: str
    targets: str
    start: str
    source: str
    value: Callable[..., Tensor]
    gradient: Callable[..., Tensor]
    predict: Callable[[Tensor], Tensor]


def reduced(terms: Tensor, reduction: str, count: Tensor | float) -> Tensor:
    """The losses of the examples as they are, their sum, or the sum over a count.

    Raises OptionError for any other reduction.
    """
    if reduction == "none":
        return terms
    return terms.sum() if known(reduction) == "sum" else terms.sum() / count


def shared(slopes: Tensor, reduction: str, count: Tensor | float) -> Tensor:
    """The gradient of a reduced loss, from that of the sum.

    Raises OptionError for a reduction there is not.
    """
    return slopes / count if known(reduction) == "mean" else slopes


def known(reduction: str) -> str:
    """The reduction, if there is such a one."""
    if reduction not in REDUCTIONS:
        raise OptionError(f"there is no reduction {reduction!r}; there are {', '.join(REDUCTIONS)}")
    return reduction


def alike(z: Tensor, target: Tensor) -> Tensor:
    """The target in the logits' precision; OptionError unless it has their shape, since torch would stretch one of them."""
    if z.shape != target.shape:
        raise OptionError(f"logits of shape {tuple(z.shape)} need a target of the same shape, not {tuple(target.shape)}")
    return target.to(z.dtype)


def classes(z: Tensor, target: Tensor) -> Tensor:
    """The target, if it holds one class number for each row of logits (N, C, ...); else OptionError."""
    wanted = z.shape[:1] + z.shape[2:]
    if z.dim() < 2 or target.shape != wanted or target.is_floating_point():
        raise OptionError(f"logits (N, C, ...) of shape {tuple(z.shape)} need class numbers of shape {tuple(wanted)} and type int64, "
                          f"not {tuple(target.shape)} of {target.dtype}")
    return target
