"""Additive scores and their gradients on a GPU: the hidden layer lives in registers only.

Needs CUDA and Triton, which PyTorch for CUDA brings along; `additive_score` imports this file only where both are there. Sums are made in
single precision and always in the same order (no atomic additions). Query and keys play the same part in the score, so one kernel
computes the gradients of both: the second time with their roles exchanged.
"""

# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator, no-untyped-call, no-untyped-def, misc"
# Triton is not installed everywhere, and finds the types of a kernel itself; shapes stand in the docstrings.

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

PAIRS, D = 128, 32  # a tile: pairs of query and key, and numbers of each; 4,096 of them are 32 registers for each of 128 threads


def tile(n_a: int, n_b: int) -> tuple[int, int]:
    """How many of a and of b stand in a tile: powers of two, and as few as there are."""
    a = min(8, triton.next_power_of_2(n_a))
    return a, min(PAIRS // a, triton.next_power_of_2(n_b))


@triton.jit
def tanh(x):
    """Hyperbolic tangent: 2 sigmoid(2x) - 1."""
    return 2 * tl.sigmoid(2 * x) - 1


@triton.jit
def score_kernel(a_ptr, b_ptr, v_ptr, out_ptr, n_a, n_b, size, A: tl.constexpr, B: tl.constexpr, D: tl.constexpr):  # noqa: N803
    """out_ij = v · tanh(a_i + b_j) of one tile. a: (batch, n_a, size); b: (batch, n_b, size); out: (batch, n_a, n_b)."""
    row = tl.program_id(0).to(tl.int64)
    i, j = tl.program_id(1) * A + tl.arange(0, A), tl.program_id(2) * B + tl.arange(0, B)
    a_at = a_ptr + (row * n_a + i[:, None]) * size
    b_at = b_ptr + (row * n_b + j[:, None]) * size
    total = tl.zeros((A, B), tl.float32)
    for start in range(0, size, D):
        d = start + tl.arange(0, D)
        a = tl.load(a_at + d, (i[:, None] < n_a) & (d < size), 0.0).to(tl.float32)
        b = tl.load(b_at + d, (j[:, None] < n_b) & (d < size), 0.0).to(tl.float32)
        v = tl.load(v_ptr + d, d < size, 0.0).to(tl.float32)
        total += tl.sum(tanh(a[:, None, :] + b[None, :, :]) * v, 2)
    out_at = out_ptr + (row * n_a + i[:, None]) * n_b + j[None, :]
    tl.store(out_at, total, (i[:, None] < n_a) & (j[None, :] < n_b))


@triton.jit
def gradient_kernel(
    a_ptr, b_ptr, v_ptr, g_ptr, da_ptr, dv_ptr, n_a, n_b, size, g_a, g_b,
    A: tl.constexpr, B: tl.constexpr, D: tl.constexpr, WITH_V: tl.constexpr,  # noqa: N803
):
    """da_i = v Σ_j g_ij (1 - tanh²(a_i + b_j)), and each tile's share of dv = Σ_ij g_ij tanh(a_i + b_j).

    g_a and g_b are the strides of g along a and b; dv: (batch, tiles of a, size), to be summed.
    """
    row, tile = tl.program_id(0).to(tl.int64), tl.program_id(1)
    i, d = tile * A + tl.arange(0, A), tl.program_id(2) * D + tl.arange(0, D)
    inside = (i[:, None] < n_a) & (d < size)
    a_at = (row * n_a + i[:, None]) * size + d
    a = tl.load(a_ptr + a_at, inside, 0.0).to(tl.float32)
    v = tl.load(v_ptr + d, d < size, 0.0).to(tl.float32)
    da, dv = tl.zeros((A, D), tl.float32), tl.zeros((D,), tl.float32)
    for start in range(0, n_b, B):
        j = start + tl.arange(0, B)
        b = tl.load(b_ptr + (row * n_b + j[:, None]) * size + d, (j[:, None] < n_b) & (d < size), 0.0).to(tl.float32)
        g_at = g_ptr + row * n_a * n_b + i[:, None] * g_a + j[None, :] * g_b
        g = tl.load(g_at, (i[:, None] < n_a) & (j[None, :] < n_b), 0.0).to(tl.float32)[:, :, None]
        hidden = tanh(a[:, None, :] + b[None, :, :])  # (A, B, D)
        da += tl.sum(g * (1 - hidden * hidden), 1)
        if WITH_V:
            dv += tl.sum(tl.sum(g * hidden, 1), 0)
    tl.store(da_ptr + a_at, da * v, inside)
    if WITH_V:
        tl.store(dv_ptr + (row * tl.num_programs(1) + tile) * size + d, dv, d < size)


def scores(query: Tensor, keys: Tensor, v: Tensor, *_: Tensor | None) -> Tensor:
    """score_ij = v · tanh(query_i + keys_j), (batch, queries, time)."""
    query, keys = query.contiguous(), keys.contiguous()
    batch, queries, size = query.shape
    time = keys.shape[1]
    out = query.new_empty(batch, queries, time, dtype=torch.promote_types(query.dtype, keys.dtype))
    if out.numel():
        a, b = tile(queries, time)
        with torch.cuda.device_of(query):
            grid = batch, triton.cdiv(queries, a), triton.cdiv(time, b)
            score_kernel[grid](query, keys, v.contiguous(), out, queries, time, size, a, b, D)
    return out


def gradients(gradient: Tensor, query: Tensor, keys: Tensor, v: Tensor, *_: Tensor | None) -> tuple[Tensor | None, ...]:
    """The gradients of query, keys and v, of the score's gradient (batch, queries, time); none of coverage and c."""
    query, keys, v, g = query.contiguous(), keys.contiguous(), v.contiguous(), gradient.contiguous()
    (batch, queries, size), time = query.shape, keys.shape[1]
    dquery, dkeys = torch.zeros_like(query), torch.zeros_like(keys)
    if not g.numel():
        return dquery, dkeys, torch.zeros_like(v), None, None
    depth = triton.cdiv(size, D)
    a, b = tile(queries, time)
    dv = v.new_empty(batch, triton.cdiv(queries, a), size, dtype=torch.float32)
    with torch.cuda.device_of(query):
        grid = batch, triton.cdiv(queries, a), depth
        gradient_kernel[grid](query, keys, v, g, dquery, dv, queries, time, size, time, 1, a, b, D, True)
        a, b = tile(time, queries)
        grid = batch, triton.cdiv(time, a), depth
        gradient_kernel[grid](keys, query, v, g, dkeys, dv, time, queries, size, 1, time, a, b, D, False)
    return dquery, dkeys, dv.sum((0, 1)).to(v.dtype), None, None
