"""Which input positions an output position of a convolution or a pooling reads, one dimension at a time."""

from __future__ import annotations

import torch
from torch import Tensor

NONE = -1  # in a table of positions: nothing is read


def window(n: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> Tensor:
    """Positions that each of `out` output positions reads of `n`: (out, kernel), -1 where it reads padding.

    i = o stride - padding + t dilation, for t = 0 ... kernel - 1
    """
    i = torch.arange(out)[:, None] * stride - padding + torch.arange(kernel) * dilation
    return i.masked_fill((i < 0) | (i >= n), NONE)


def transposed(n: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> Tensor:
    """The same of a transposed convolution, where i stride - padding + t dilation = o: (out, kernel)."""
    i = torch.arange(out)[:, None] + padding - torch.arange(kernel) * dilation
    return i.masked_fill((i < 0) | (i % stride != 0) | (i >= n * stride), NONE * stride).div(stride, rounding_mode="floor")


def adaptive(n: int, out: int) -> Tensor:
    """The same of an adaptive pooling, whose windows go from floor(o n / out) to ceil((o + 1) n / out): (out, widest)."""
    o = torch.arange(out)
    first, end = o * n // out, ((o + 1) * n + out - 1) // out
    i = first[:, None] + torch.arange(int((end - first).max()))
    return i.masked_fill(i >= end[:, None], NONE)


def wrapped(n: int, positions: Tensor, mode: str) -> Tensor:
    """Positions beyond the border as a convolution's padding mode fills them: "reflect", "replicate" or "circular"."""
    if mode == "circular":
        return positions % n
    if mode == "replicate":
        return positions.clamp(0, n - 1)
    return (n - 1 - (n - 1 - positions.abs()).abs()).clamp(0, n - 1)


def pairs(positions: Tensor) -> int:
    """How many pairs of an output position and a position that it reads there are; each pair counts once."""
    ordered = positions.sort(1).values
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return int((new & (ordered != NONE)).sum())
