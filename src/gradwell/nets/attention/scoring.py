"""The score of additive attention, without ever keeping its hidden layer."""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from gradwell.nets.attention import recompute
from gradwell.nets.attention.checks import tracing
from gradwell.nets.attention.powers import powers

SMALL = 2**17  # numbers in a hidden layer, all queries together, up to which the plain way is the quicker one


def additive_score(
    query: Tensor,
    keys: Tensor,
    v: Tensor,
    coverage: Tensor | None = None,
    c: Tensor | None = None,
    powers_of_keys: Tensor | None = None,
) -> Tensor:
    """A small network judges how well each key fits each query; what it computes inside is computed again rather than kept.

    score_ij = v · tanh(query_i + keys_j + c coverage_ij)

    query: (batch, queries, size); keys: (batch, time, size); v, c: (size,); coverage: (batch, queries, time), none to leave it out;
    powers_of_keys: `ready(keys)`, where the same keys are asked step by step. The score is (batch, queries, time).

    Written plainly, the hidden layer of size (batch, queries, time, size) is kept for the gradient, two or three times over. Here it
    lives for one query at a time, and once more in the backward pass, so memory is (batch, time, size), and less memory is also
    faster. On CUDA a Triton kernel keeps it in registers altogether. The gradient of a gradient takes the plain way (`plain_gradients`),
    and so do torch.compile, torch.export and torch.jit.trace, which do their own planning, and all that is SMALL. Beyond that,
    forward-mode differentiation and vmap are not supported.
    """
    if tracing() or query.shape[1] * keys.numel() < SMALL:
        return plain(query, keys, v, coverage, c)
    score: Tensor = AdditiveScore.apply(query, keys, v, coverage, c, powers_of_keys)  # type: ignore[no-untyped-call]
    return score


def ready(keys: Tensor) -> Tensor | None:
    """What to keep of keys (batch, time, size) that single queries will ask step by step: their powers, where that saves work."""
    return None if tracing() or keys.numel() < SMALL else powers(keys)


def plain(query: Tensor, keys: Tensor, v: Tensor, coverage: Tensor | None = None, c: Tensor | None = None) -> Tensor:
    """`additive_score` as the equation has it: every hidden layer at once."""
    hidden = query.unsqueeze(2) + keys.unsqueeze(1)  # (batch, queries, time, size)
    if coverage is not None and c is not None:
        hidden = hidden + coverage.unsqueeze(-1) * c
    return hidden.tanh() @ v.to(hidden.dtype)


class AdditiveScore(torch.autograd.Function):
    """`additive_score` and its gradient. It saves what it was given and nothing else."""

    @staticmethod
    def forward(
        query: Tensor, keys: Tensor, v: Tensor, coverage: Tensor | None, c: Tensor | None, powers_of_keys: Tensor | None
    ) -> Tensor:
        """The score, (batch, queries, time)."""
        score: Tensor = engine(query, keys, v, coverage).scores(query, keys, v, coverage, c, powers_of_keys)
        return score

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor | None, ...], output: Tensor) -> None:  # noqa: ARG004 - torch's signature
        """Save the inputs."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of query, keys, v, coverage and c."""
        query, keys, v, coverage, c, powers_of_keys = ctx.saved_tensors
        if torch.is_grad_enabled():  # someone will ask for the gradient of this gradient
            return *plain_gradients(gradient, query, keys, v, coverage, c), None
        return *engine(query, keys, v, coverage).gradients(gradient, query, keys, v, coverage, c, powers_of_keys), None


def plain_gradients(
    gradient: Tensor, query: Tensor, keys: Tensor, v: Tensor, coverage: Tensor | None, c: Tensor | None
) -> tuple[Tensor | None, ...]:
    """The gradients in plain operations, which autograd can follow. It holds the whole hidden layer."""
    hidden = query.unsqueeze(2) + keys.unsqueeze(1)
    if coverage is not None and c is not None:
        hidden = hidden + coverage.unsqueeze(-1) * c
    hidden, g = hidden.tanh(), gradient.unsqueeze(-1)  # (batch, queries, time, size), (batch, queries, time, 1)
    inner = g * (1 - hidden * hidden) * v
    first = inner.sum(2), inner.sum(1), (g * hidden).sum((0, 1, 2))
    if coverage is None or c is None:
        return *first, None, None
    return *first, inner @ c, (inner * coverage.unsqueeze(-1)).sum((0, 1, 2))


def engine(query: Tensor, keys: Tensor, v: Tensor, coverage: Tensor | None) -> ModuleType:
    """Where scores are computed: in a Triton kernel if there is a GPU and Triton, else one query at a time in plain torch."""
    doubles = torch.float64 in (query.dtype, keys.dtype, v.dtype)
    if keys.is_cuda and coverage is None and not doubles and find_spec("triton"):
        from gradwell.nets.attention import triton_score

        return triton_score
    return recompute
