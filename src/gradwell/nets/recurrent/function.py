"""A layer in one direction as one operation of autograd, at about the speed of PyTorch's own layers.

The forward sweep keeps every gate. The backward sweep finds the gradients of all gates' sums, and then each weight's gradient in one
product over all steps: autograd's own way through a loop makes one product, and one addition of a whole matrix, at every step.
Where the gradient itself is to be differentiated (create_graph=True), the backward pass goes through the plain reference.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradwell.nets.recurrent import reference, sweeps
from gradwell.nets.recurrent.noise import Noise
from gradwell.nets.recurrent.sweeps import Kept, Mode, Sweep
from gradwell.nets.recurrent.weights import Weights

NOISE, WEIGHTS = len(Noise._fields), len(Weights._fields)
INPUTS = 3 + WEIGHTS


class Fast(torch.autograd.Function):
    """(x, h, c, weights) -> h_t of every step, and the last h and c of each sequence."""

    @staticmethod
    def forward(
        ctx: Any, mode: Mode, last: Tensor | None, noise: Noise, x: Tensor, h: Tensor, c: Tensor | None, *weights: Tensor | None
    ) -> Any:
        """last: the last step of each sequence (batch,), or None where all end with the last."""
        w = Weights(*weights)  # type: ignore[arg-type]
        kept = sweeps.forward(Sweep(mode, x, h, c, w, noise))
        ctx.mode = mode
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(last, *noise, x, h, c, *weights, *kept)
        return kept.y, final(kept.y, last), None if kept.cells is None else final(kept.cells[1:], last)

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dh: Tensor | None, dc: Tensor | None) -> Any:
        """Gradients of x, h, c and the weights."""
        last, *saved = ctx.saved_tensors
        noise, (x, h, c) = Noise(*saved[:NOISE]), saved[NOISE : NOISE + 3]
        w, kept = Weights(*saved[NOISE + 3 : NOISE + INPUTS]), Kept(*saved[NOISE + INPUTS :])
        s = Sweep(ctx.mode, x, h, c, w, noise)
        wanted = ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():
            return None, None, None, *again(s, last, (dy, dh, dc), wanted)
        return None, None, None, *gradients(s, kept, last, (dy, dh, dc), wanted)


def final(states: Tensor, last: Tensor | None) -> Tensor:
    """The state (batch, hidden) at the last step of each sequence, of all states (time, batch, hidden)."""
    return states[-1].clone() if last is None else states[last, torch.arange(len(last), device=last.device)]


def spread(d: Tensor, like: Tensor, last: Tensor | None) -> Tensor:
    """The gradient of `final`: d at the last step of each sequence, and zeros."""
    out = torch.zeros_like(like)
    if last is None:
        out[-1] = d
    else:
        out[last, torch.arange(len(last), device=last.device)] = d
    return out


def outside(kept: Kept, last: Tensor | None, grads: tuple[Tensor | None, ...]) -> tuple[Tensor, Tensor | None]:
    """What comes to each step from outside: to h_t, and for an LSTM to c_t (time, batch, hidden)."""
    dy, dh, dc = grads
    if dy is None:
        dy = torch.zeros_like(kept.y) if dh is None else spread(dh, kept.y, last)
    elif dh is not None:
        dy = dy + spread(dh, kept.y, last)
    return dy, None if dc is None else spread(dc, kept.y, last)


def gradients(s: Sweep, kept: Kept, last: Tensor | None, grads: tuple[Tensor | None, ...], wanted: tuple[bool, ...]) -> list[Tensor | None]:
    """The gradients by our own backward sweep."""
    back = sweeps.backward(s, kept)
    swept = back.sweep(*outside(kept, last, grads), record=s.w.gain_c is not None)
    flat = back.flat()
    deltas = swept.deltas.flat()
    found = flat.gradients(deltas, None if swept.h is None else swept.h.flatten(0, 1))
    dx = flat.to_input(deltas).view(s.x.shape) if wanted[0] else None
    return [dx, swept.h0, swept.c0, *found]


def again(s: Sweep, last: Tensor | None, grads: tuple[Tensor | None, ...], wanted: tuple[bool, ...]) -> list[Tensor | None]:
    """The gradients as functions that can be differentiated, by the plain reference."""
    inputs = [t for t, want in zip((s.x, s.h, s.c, *s.w), wanted, strict=True) if want and t is not None]
    y, cells = reference.read(s)
    outputs = [y, final(y, last), *([] if cells is None else [final(cells, last)])]
    known = [(o, g) for o, g in zip(outputs, grads, strict=False) if g is not None]
    found = iter(torch.autograd.grad([o for o, _ in known], inputs, [g for _, g in known], create_graph=True, allow_unused=True))
    return [next(found) if want and t is not None else None for t, want in zip((s.x, s.h, s.c, *s.w), wanted, strict=True)]
