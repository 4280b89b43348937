"""What is random inside a recurrent layer while it trains: dropout of the state, and zoneout.

Dropout of the state draws one mask per sequence and uses it at every step (Gal, Ghahramani 2016). Zoneout lets a unit keep its old value
for a step instead of taking the new one (Krueger et al. 2016); when not training, each unit takes the mean of the two.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Noise(NamedTuple):
    """The masks of one layer in one direction, in the order in which it reads its input; None where nothing is random."""

    drop: Tensor | None = None  # (time, batch, hidden): what h_(t-1) is multiplied by before W_hh
    keep_h: Tensor | None = None  # (time, batch, hidden): the share of h_(t-1) that h_t keeps, 0 or 1 in training
    keep_c: Tensor | None = None  # (time, batch, hidden): the same of the cell

    @property
    def silent(self) -> bool:
        """Whether nothing is random or kept."""
        return self == QUIET


QUIET = Noise()


def draw(like: Tensor, hidden: int, drop: float, keep_h: float, keep_c: float, training: bool) -> Noise:
    """Masks for inputs `like` (time, batch, inputs), from torch's random numbers; only what is needed is drawn."""
    steps, batch = like.shape[:2]
    shape = (steps, batch, hidden)
    return Noise(
        sequence_mask(like, hidden, drop).expand(shape) if drop and training else None,
        kept(like, shape, keep_h, training) if keep_h else None, kept(like, shape, keep_c, training) if keep_c else None,
    )


def sequence_mask(like: Tensor, columns: int, p: float) -> Tensor:
    """A dropout mask (1, batch, columns), the same for every step: 0 with probability p, else 1 / (1 - p)."""
    mask = like.new_empty(1, like.shape[1], columns)
    return mask.zero_() if p == 1 else mask.bernoulli_(1 - p).div_(1 - p)


def kept(like: Tensor, shape: tuple[int, ...], p: float, training: bool) -> Tensor:
    """The share of the old value that stays."""
    return like.new_empty(shape).bernoulli_(p) if training else torch.full((), p, dtype=like.dtype, device=like.device).expand(shape)
