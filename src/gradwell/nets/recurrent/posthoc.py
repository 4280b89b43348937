"""Every gate of a layer after the fact: once the outputs are known, all steps can be worked out at once.

A recurrent layer's own kernel gives h_1 ... h_T and throws its gates away. But the gates of step t need only x_t and h_(t-1), and both
are known then, so that two products over all steps bring them back. These are as many multiplications as reading the sequence takes.
Where they are what costs time, which is in large layers on a CPU, there is a better way: take the gates from oneDNN's workspace, or else
read the sequence by our own sweep, which keeps them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gradwell.nets.recurrent import kernel, sweeps, workspace
from gradwell.nets.recurrent.sweeps import Kept, Sweep
from gradwell.nets.recurrent.workspace import recur

LARGE = 1024  # units times sequences from which on a step's products cost more than its calls


@torch.no_grad()
def keep(s: Sweep) -> Kept:
    """Read a sequence, in the quickest way there is for its layer, and find all its gates."""
    if s.w.normalizes or not s.noise.silent:
        return sweeps.forward(s)
    if kept := workspace.read(s):
        return kept
    if s.mode in WAYS and s.x.device.type == "cpu" and s.h.numel() >= LARGE:
        return sweeps.forward(s)
    y = kernel.read(s)[0]
    return WAYS[s.mode](s, y) if s.mode in WAYS else Kept(y, y)  # a plain recurrent network has no gates


def before(s: Sweep, y: Tensor) -> Tensor:
    """H_prev = [h_0; h_1 ... h_(T-1)], (time * batch, hidden)."""
    return torch.cat([s.h[None], y[:-1]]).flatten(0, 1)


def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """One product of all rows: x W^T + b (rows, G * hidden)."""
    return x @ weight.t() if bias is None else torch.addmm(bias, x, weight.t())


def lstm(s: Sweep, y: Tensor) -> Kept:
    """An LSTM's gates, and then its cells one after the other.

    i, f, o = sigmoid(W x + W h + b)      g = tanh(W x + W h + b)      for all steps at once
    c_t = f * c_(t-1) + i * g
    """
    assert s.c is not None
    steps, batch, size = y.shape
    gates = product(s.x.reshape(steps * batch, -1), s.w.weight_ih, s.w.bias)
    gates = gates.addmm_(before(s, y), s.w.weight_hh.t()).view(steps, batch, -1)
    gates[..., : 2 * size].sigmoid_()
    gates[..., 2 * size : 3 * size].tanh_()
    gates[..., 3 * size :].sigmoid_()
    return Kept(y, gates, recur(gates, s.c))


def gru(s: Sweep, y: Tensor) -> Kept:
    """A GRU's gates.

    r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh)
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
    """
    steps, batch, size = y.shape
    gates = product(s.x.reshape(steps * batch, -1), s.w.weight_ih, s.w.bias_ih)
    hidden = product(before(s, y), s.w.weight_hh, s.w.bias_hh)
    gates[:, : 2 * size].add_(hidden[:, : 2 * size]).sigmoid_()
    gates[:, 2 * size :].addcmul_(gates[:, :size], hidden[:, 2 * size :]).tanh_()
    return Kept(y, gates.view(steps, batch, -1), inner=hidden.view(steps, batch, -1)[..., 2 * size :])


WAYS: dict[str, Callable[[Sweep, Tensor], Kept]] = {"LSTM": lstm, "GRU": gru}
