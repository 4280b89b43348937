"""PyTorch's own kernels for one layer in one direction, with weights that are only borrowed."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from gradwell.nets.recurrent import function
from gradwell.nets.recurrent.noise import QUIET
from gradwell.nets.recurrent.sweeps import Mode, Sweep
from gradwell.nets.recurrent.weights import Weights

CALLS: dict[Mode, Any] = {"LSTM": torch.lstm, "GRU": torch.gru, "RNN_TANH": torch.rnn_tanh, "RNN_RELU": torch.rnn_relu}


def read(s: Sweep) -> tuple[Tensor, Tensor, Tensor | None]:
    """h_t of every step (time, batch, hidden), and the last h and c (batch, hidden), of a plain layer."""
    weights = [w for w in s.w if w is not None]
    state: Any = s.h[None] if s.c is None else (s.h[None], s.c[None])
    with warnings.catch_warnings() if s.x.is_cuda else nullcontext():  # to touch the filters makes Python show old warnings again
        if s.x.is_cuda:
            warnings.filterwarnings("ignore", message=".*not part of single contiguous chunk.*")  # cuDNN makes its own copy then
        y, *last = CALLS[s.mode](s.x, state, weights, s.w.bias_ih is not None, 1, 0.0, torch.is_grad_enabled(), False, False)
    return y, last[0][0], last[1][0] if s.c is not None else None


class Kernel(torch.autograd.Function):
    """(x, h, c, weights) -> h_t of every step, and the last h and c, as `Fast` does; the gradient can be differentiated, too.

    PyTorch's kernels cannot be differentiated twice. This operation keeps their graph inside, and goes through the plain
    reference where the gradient is asked for with create_graph=True.
    """

    @staticmethod
    def forward(ctx: Any, mode: Mode, x: Tensor, h: Tensor, c: Tensor | None, *weights: Tensor | None) -> Any:
        """All sequences end with the last step."""
        wanted = ctx.needs_input_grad[1:]
        inside = [None if t is None else t.detach().requires_grad_(want) for t, want in zip((x, h, c, *weights), wanted, strict=True)]
        with torch.set_grad_enabled(any(wanted)):
            outputs = read(Sweep(mode, inside[0], inside[1], inside[2], Weights(*inside[3:])))  # type: ignore[arg-type]
        ctx.mode, ctx.inside = mode, (inside, outputs)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, h, c, *weights)
        return tuple(None if o is None else o.detach() for o in outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        """Gradients of x, h, c and the weights."""
        x, h, c, *weights = ctx.saved_tensors
        wanted = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():
            return None, *function.again(Sweep(ctx.mode, x, h, c, Weights(*weights), QUIET), None, grads, wanted)
        inside, outputs = ctx.inside
        known = [(o, g) for o, g in zip(outputs, grads, strict=True) if g is not None]
        sought = [t for t, want in zip(inside, wanted, strict=True) if want]
        found = iter(torch.autograd.grad([o for o, _ in known], sought, [g for _, g in known], retain_graph=True, allow_unused=True))
        return None, *(next(found) if want else None for want in wanted)
