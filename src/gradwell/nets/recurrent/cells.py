"""One step of each recurrent cell, equation by equation: the plain reference for everything else here.

W and b bear torch's names. x: (batch, inputs); h, c: (batch, hidden). With layer normalisation, N(u) = gain * (u - mean) / deviation + b
takes the place of u + b; see each cell.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gradwell.nets.recurrent.norm import normalize
from gradwell.nets.recurrent.weights import Weights


class LSTMStep(NamedTuple):
    """An LSTM's new state, its gates i, f, o and its candidate g; each (batch, hidden)."""

    h: Tensor
    c: Tensor
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor


class GRUStep(NamedTuple):
    """A GRU's new state, its gates r and z and its candidate n; each (batch, hidden)."""

    h: Tensor
    r: Tensor
    z: Tensor
    n: Tensor


def lstm_step(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> LSTMStep:
    """An LSTM adds to its cell what the input gate lets in and keeps of it what the forget gate leaves.

        i, f, o = sigmoid(W x + W h + b)      g = tanh(W x + W h + b)      each with its own rows of W_ih, W_hh, b
        c' = f * c + i * g
        h' = o * tanh(c')

    With layer normalisation: N(W_ih x) + N(W_hh h) in the gates, all four normalised together, and o * tanh(N(c')).
    """
    i, f, g, o = (from_input(x, w) + from_hidden(h, w)).chunk(4, -1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g
    h = o * (c if w.gain_c is None else normalize(c, w.gain_c, w.bias_c, [w.hidden])).tanh()
    return LSTMStep(h, c, i, f, g, o)


def gru_step(x: Tensor, h: Tensor, w: Weights, old: Tensor | None = None) -> GRUStep:
    """A GRU moves its state towards a candidate, by as much as the update gate does not hold it.

        r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh)
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
        h' = (1 - z) * n + z * h

    With layer normalisation: N(W_ih x) + N(W_hh h), where r and z are normalised together and n apart.
    `old` is the h of the last line where it differs from that of the products (dropout).
    """
    sizes = [2 * w.hidden, w.hidden]
    rz_x, n_x = torch.split(from_input(x, w, sizes), sizes, -1)
    rz_h, n_h = torch.split(from_hidden(h, w, sizes), sizes, -1)
    r, z = (rz_x + rz_h).sigmoid().chunk(2, -1)
    n = (n_x + r * n_h).tanh()
    return GRUStep((1 - z) * n + z * (h if old is None else old), r, z, n)


def rnn_step(x: Tensor, h: Tensor, w: Weights, relu: bool = False) -> Tensor:
    """A plain recurrent network sees its own last output beside the input.

        h' = tanh(W_ih x + b_ih + W_hh h + b_hh)        or relu

    With layer normalisation: h' = tanh(N(W_ih x + W_hh h)).
    """
    if w.gain_hh is None:
        a = F.linear(x, w.weight_ih, w.bias_ih) + F.linear(h, w.weight_hh, w.bias_hh)
    else:
        a = normalize(F.linear(x, w.weight_ih) + F.linear(h, w.weight_hh), w.gain_hh, w.bias, [w.hidden])
    return a.relu() if relu else a.tanh()


def from_input(x: Tensor, w: Weights, sizes: list[int] | None = None) -> Tensor:
    """What the input brings to the gates (batch, G * hidden)."""
    if w.gain_ih is None:
        return F.linear(x, w.weight_ih, w.bias_ih)
    return normalize(F.linear(x, w.weight_ih), w.gain_ih, w.bias_ih, sizes or [len(w.gain_ih)])


def from_hidden(h: Tensor, w: Weights, sizes: list[int] | None = None) -> Tensor:
    """What the state brings to the gates (batch, G * hidden)."""
    if w.gain_hh is None:
        return F.linear(h, w.weight_hh, w.bias_hh)
    return normalize(F.linear(h, w.weight_hh), w.gain_hh, w.bias_hh, sizes or [len(w.gain_hh)])


def zoned(new: Tensor, old: Tensor, keep: Tensor | None) -> Tensor:
    """Zoneout: `keep` of the old value stays, the rest is new."""
    return new if keep is None else torch.lerp(new, old, keep)
