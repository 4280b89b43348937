"""Small matrices from large tensors: statistics are taken on at most 16,384 numbers."""

from __future__ import annotations

import torch
from torch import Tensor

SIZE = 16_384


def units(x: Tensor, axis: int, size: int = SIZE) -> Tensor:
    """A matrix (examples, units) of part of `x`; the units lie along `axis`, all other axes count as examples."""
    x = x.detach().movedim(axis, -1) if axis not in (-1, x.dim() - 1) else x.detach()
    x = first_rows(x, size)
    table = x.reshape(-1, x.shape[-1]) if x.dim() else x.reshape(1, 1)
    return table[:: max(1, table.numel() // size)].float()


def examples(x: Tensor) -> Tensor:
    """A matrix (examples, values) of part of `x`, whose first axis counts the examples."""
    x = x.detach()
    table = x.reshape(len(x), -1) if x.dim() > 1 else x.reshape(-1, 1)
    table = table[:: max(1, len(table) // 1024)]
    return table[:, :: max(1, table.numel() // SIZE)].float()


def flat(x: Tensor) -> Tensor:
    """A vector of part of `x`, the same part every time."""
    x = x.detach().flatten() if x.is_contiguous() else x.detach().reshape(-1)
    return x[:: max(1, x.numel() // SIZE)].float()


def first_rows(x: Tensor, size: int) -> Tensor:
    """Every so manieth example, so that about `size` numbers remain, but never fewer than 16 examples."""
    if x.dim() < 2 or x.numel() <= size:
        return x
    return x[:: max(1, min(len(x) // 16, x.numel() // size))]


def norm(x: Tensor) -> Tensor:
    """The Euclidean norm of this process's part of a tensor, in single precision at least."""
    x = local(x).detach()
    size: Tensor = torch.linalg.vector_norm(x, dtype=torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else None)
    return size


def local(x: Tensor) -> Tensor:
    """The part of a distributed tensor that this process holds; no other process is asked."""
    return x.to_local() if hasattr(x, "to_local") else x


def is_partial(x: Tensor) -> bool:
    """Whether a distributed tensor is yet to be summed over the processes, so that none of them knows its value."""
    return any(placement.is_partial() for placement in getattr(x, "placements", ()))
