"""Additive scores and their gradients with a hidden layer that lives for one query at a time.

A buffer of (rows, time, size), so few rows of the batch at once that it stays in the processor's cache, is filled for each query, used,
and filled again. x is what the buffer holds: r of `powers` where that is possible, otherwise tanh.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gradwell.nets.attention.powers import chosen, widened

BLOCK = 2**18  # numbers in the buffer


def scores(
    query: Tensor, keys: Tensor, v: Tensor, coverage: Tensor | None, c: Tensor | None, powers_of_keys: Tensor | None
) -> Tensor:
    """score_ij = v · tanh(query_i + keys_j + c coverage_ij), (batch, queries, time)."""
    kind = torch.promote_types(query.dtype, keys.dtype)
    quick, q, k, one = prepared(query, keys, coverage, powers_of_keys)
    v, m, c = v.to(k.dtype), steps(coverage, k), c if c is None else c.to(k.dtype)
    score = k.new_empty(len(q), *k.shape[:2])  # (queries, batch, time)
    for rows, x in blocks(k):
        flat, keys = x.view(-1, x.shape[-1]), k[rows]
        for i in range(len(q)):
            fill(x, one if quick else None, q[i, rows], keys, None if m is None else m[i, rows], c)
            torch.mv(flat, v, out=score[i, rows].view(-1))
    if quick:
        score.mul_(-2).add_(v.sum())  # v · (1 - 2r)
    return score.transpose(0, 1).to(kind)


def gradients(
    gradient: Tensor, query: Tensor, keys: Tensor, v: Tensor, coverage: Tensor | None, c: Tensor | None, powers_of_keys: Tensor | None
) -> tuple[Tensor | None, ...]:
    """The gradients of query, keys, v, coverage and c, of the score's gradient (batch, queries, time)."""
    kinds = query.dtype, keys.dtype, v.dtype
    quick, q, k, one = prepared(query, keys, coverage, powers_of_keys)
    v, m, c = v.to(k.dtype), steps(coverage, k), c if c is None else c.to(k.dtype)
    g = gradient.to(k.dtype).transpose(0, 1).contiguous()  # (queries, batch, time)
    dq, dk, dv = torch.empty_like(q), torch.empty_like(k) if len(q) else torch.zeros_like(k), torch.zeros_like(v)
    dm, dc = None if m is None else torch.empty_like(m), torch.zeros_like(v)
    for rows, x in blocks(k):
        flat, keys, dkeys = x.view(-1, x.shape[-1]), k[rows], dk[rows]
        for i in range(len(q)):
            now = g[i, rows]  # (rows, time)
            fill(x, one if quick else None, q[i, rows], keys, None if m is None else m[i, rows], c)
            if quick:
                dv.addmv_(flat.t(), now.view(-1), alpha=-2).add_(now.sum())  # 1 - 2r; summed now, lest much cancel at the end
            else:
                dv.addmv_(flat.t(), now.view(-1))
            torch.addcmul(x if quick else one, x, x, value=-1, out=x)  # (1 - tanh²) / 4 of r, 1 - tanh² of tanh
            torch.bmm(now.unsqueeze(1), x, out=dq[i, rows])
            if i:
                dkeys.addcmul_(now.unsqueeze(-1), x)
            else:
                torch.mul(now.unsqueeze(-1), x, out=dkeys)
            if m is not None and dm is not None and c is not None:
                torch.mul(now, x @ (v * c), out=dm[i, rows])
                dc.addmv_(flat.t(), (now * m[i, rows]).view(-1))
    inner = 4 * v if quick else v
    dq, dk = dq.squeeze(2).mul_(inner).transpose(0, 1), dk.mul_(inner)
    first = tuple(d.to(kind) for d, kind in zip((dq, dk, dv), kinds, strict=True))
    return *first, None if dm is None else dm.transpose(0, 1), None if dm is None else dc.mul_(v)


def prepared(
    query: Tensor, keys: Tensor, coverage: Tensor | None, powers_of_keys: Tensor | None
) -> tuple[bool, Tensor, Tensor, Tensor]:
    """Whether powers are used; queries (queries, batch, 1, size) and keys (batch, time, size) to fill the buffer from; and a one."""
    if coverage is None:
        quick, q, k = chosen(query, keys, powers_of_keys)
    else:
        quick, q, k = False, widened(query), widened(keys)
    kind = torch.promote_types(q.dtype, k.dtype)
    return quick, q.to(kind).transpose(0, 1).unsqueeze(2).contiguous(), k.to(kind), k.new_ones((), dtype=kind)


def steps(coverage: Tensor | None, k: Tensor) -> Tensor | None:
    """(batch, queries, time) -> (queries, batch, time)."""
    return coverage if coverage is None else coverage.to(k.dtype).transpose(0, 1).contiguous()


def blocks(k: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Rows of the batch that are worked on together, and their buffer."""
    batch, time, size = k.shape
    step = max(1, BLOCK // max(1, time * size))
    for start in range(0, batch, step):
        yield slice(start, start + step), k.new_empty(min(step, batch - start), time, size)


def fill(x: Tensor, one: Tensor | None, query: Tensor, keys: Tensor, coverage: Tensor | None, c: Tensor | None) -> None:
    """Write r (given a one) or tanh into x. x, keys: (rows, time, size); query: (rows, 1, size); coverage: (rows, time)."""
    if one is not None:
        torch.addcmul(one, keys, query, out=x).reciprocal_()
        return
    torch.add(keys, query, out=x)
    if coverage is not None and c is not None:
        x.addcmul_(coverage.unsqueeze(-1), c)
    x.tanh_()
