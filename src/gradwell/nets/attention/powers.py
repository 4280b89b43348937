"""tanh without tanh: its exponentials, taken once for each vector instead of once for each pair."""

from __future__ import annotations

import torch
from torch import Tensor

LIMITS = {torch.float32: 40.0, torch.float64: 300.0}  # up to here exp(2x) and its reciprocal are ordinary numbers


def powers(x: Tensor) -> Tensor | None:
    """exp(2x), from which tanh of a sum follows by one division; nothing where that would not be exact, or would not pay.

    tanh(q + k) = 1 - 2 r,  r = 1 / (1 + exp(2q) exp(2k)),  and  1 - tanh² = 4 (r - r²)

    Where |x| goes beyond LIMITS the powers leave the range of numbers. On a GPU tanh costs no more than the rest.
    """
    if x.device.type != "cpu":
        return None
    x = widened(x.detach())
    largest = torch.linalg.vector_norm(x, float("inf")).item() if x.numel() else 0.0
    return (2 * x).exp_() if largest < LIMITS[x.dtype] else None


def widened(x: Tensor) -> Tensor:
    """At least single precision, without gaps."""
    return x.contiguous() if x.dtype in LIMITS else x.float().contiguous()


def chosen(query: Tensor, keys: Tensor, powers_of_keys: Tensor | None) -> tuple[bool, Tensor, Tensor]:
    """Whether powers shall be used, and the query and the keys as such; else as they are. One query does not pay for its keys' powers."""
    if powers_of_keys is not None or query.shape[1] > 1:
        q = powers(query)
        k = powers_of_keys if q is None or powers_of_keys is not None else powers(keys)
        if q is not None and k is not None and q.dtype == k.dtype:
            return True, q, k
    return False, widened(query), widened(keys)
