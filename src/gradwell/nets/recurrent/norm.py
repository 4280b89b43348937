"""Layer normalisation of gates, and its derivative by hand.

    n = gain * (u - mean(u)) / sqrt(var(u) + eps) + shift        mean and variance over the gates of one step of one sequence

A GRU's reset and update gates are normalised together and its candidate apart, hence `sizes`: how the columns are divided.
Source: Ba, Kiros, Hinton 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-5


def parts(x: Tensor | None, sizes: Sequence[int]) -> Sequence[Tensor | None]:
    """The blocks of columns."""
    return [None] * len(sizes) if x is None else torch.split(x, list(sizes), -1)


def normalize(u: Tensor, gain: Tensor, shift: Tensor | None, sizes: Sequence[int]) -> Tensor:
    """The normalised n (..., columns), by operations that autograd knows."""
    blocks = zip(torch.split(u, list(sizes), -1), parts(gain, sizes), parts(shift, sizes), sizes, strict=True)
    return torch.cat([F.layer_norm(part, [size], g, s, EPS) for part, g, s, size in blocks], -1)


def forward(u: Tensor, gain: Tensor, shift: Tensor | None, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The normalised n (..., columns), and mean and 1 / deviation of each block (2, ..., blocks)."""
    blocks = zip(torch.split(u, list(sizes), -1), parts(gain, sizes), parts(shift, sizes), sizes, strict=True)
    n, mean, rstd = zip(*(torch.native_layer_norm(part, [size], g, s, EPS) for part, g, s, size in blocks), strict=True)
    return joined(n), torch.stack([joined(mean), joined(rstd)])


def back(d: Tensor, u: Tensor, stats: Tensor, gain: Tensor, sizes: Sequence[int]) -> Tensor:
    """dL/du (..., columns) from d = dL/dn (..., columns)."""
    out = []
    blocks = zip(sizes, torch.split(d, list(sizes), -1), torch.split(u, list(sizes), -1), parts(gain, sizes), strict=True)
    for k, (size, part, into, g) in enumerate(blocks):
        mean, rstd = stats[..., k : k + 1].contiguous()
        wanted = [True, False, False]
        out.append(torch.ops.aten.native_layer_norm_backward(part.contiguous(), into.contiguous(), [size], mean, rstd, g, None, wanted)[0])
    return joined(out)


def gain_gradient(d: Tensor, u: Tensor, stats: Tensor, sizes: Sequence[int]) -> Tensor:
    """dL/dgain (columns,) from d = dL/dn (rows, columns)."""
    out = []
    for k, (part, into) in enumerate(zip(torch.split(d, list(sizes), -1), torch.split(u, list(sizes), -1), strict=True)):
        mean, rstd = stats[..., k : k + 1]  # (rows, 1)
        out.append((into - mean).mul_(rstd).mul_(part).sum(0))
    return joined(out)


def joined(blocks: Sequence[Tensor]) -> Tensor:
    """The blocks side by side again."""
    return blocks[0] if len(blocks) == 1 else torch.cat(list(blocks), -1)
