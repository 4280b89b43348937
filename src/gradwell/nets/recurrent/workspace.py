"""The gates that oneDNN's LSTM computes anyway: it leaves them in its workspace for its own backward pass.

So they cost a copy, where working them out again costs as many products as reading the sequence did. The workspace is oneDNN's own
affair and its layout is no promise; so what is found there is believed only if it leads to the last h and c that the layer gave.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradwell.nets.recurrent.sweeps import Kept, Sweep

LINE, PERIOD = 16, 256  # floats: rows start at a multiple of the first; a row length that is a multiple of the second gets a line more


def read(s: Sweep) -> Kept | None:
    """Read a sequence and take its gates from the workspace; None where that is not possible.

    c_t = f * c_(t-1) + i * g        then the last c, and o * tanh(c), must be what the layer gave
    """
    if s.mode != "LSTM" or s.c is None or s.x.device.type != "cpu" or s.x.dtype != torch.float32:
        return None
    given = run(s)
    if given is None:
        return None
    y, last, workspace = given
    steps, batch, size = y.shape
    row = -(-4 * size // LINE) * LINE
    row += LINE if row % PERIOD == 0 else 0
    if workspace.numel() < steps * batch * row:
        return None
    gates = workspace[: steps * batch * row].view(steps, batch, row)[..., : 4 * size].contiguous()
    cells = recur(gates, s.c)
    o = gates[-1, :, 3 * size :]
    right = torch.allclose(cells[-1], last, atol=1e-5) and torch.allclose(o * cells[-1].tanh(), y[-1], atol=1e-5)
    return Kept(y, gates, cells) if right else None


def recur(gates: Tensor, c: Tensor) -> Tensor:
    """The cells c_0 ... c_T (time + 1, batch, hidden) from the gates (time, batch, 4 * hidden)."""
    i, f, g, _ = gates.chunk(4, -1)
    cells = gates.new_empty(len(gates) + 1, *c.shape)
    cells[0] = c
    torch.mul(i, g, out=cells[1:])
    steps = cells.unbind(0)
    for forget, old, new in zip(f.unbind(0), steps[:-1], steps[1:], strict=True):
        new.addcmul_(forget, old)
    return cells


def run(s: Sweep) -> tuple[Tensor, Tensor, Tensor] | None:
    """h_t of every step, the last c and the workspace as floats; None where there is no oneDNN, or it is another one."""
    if s.c is None or not torch.backends.mkldnn.is_available() or not torch.backends.mkldnn.enabled:  # type: ignore[no-untyped-call]
        return None
    w, zeros = s.w, s.x.new_zeros(len(s.w.weight_hh))
    biases = (zeros if w.bias_ih is None else w.bias_ih.detach(), zeros if w.bias_hh is None else w.bias_hh.detach())
    try:
        with torch.enable_grad():  # there is a workspace only if there may be a backward pass
            x, h, c = (part.detach().contiguous() for part in (s.x, s.h, s.c))
            weights = w.weight_ih.detach().contiguous(), w.weight_hh.detach().contiguous(), *biases
            layer: Any = torch.ops.aten.mkldnn_rnn_layer
            found = layer(x.requires_grad_(), *weights, h, c, False, [], 2, w.hidden, 1, True, False, False, True)
        y, _, last, workspace = found
        return y.detach(), last.detach().view(s.h.shape), workspace.detach().view(torch.float32)
    except (AttributeError, RuntimeError, TypeError, ValueError):  # another build of torch
        return None
