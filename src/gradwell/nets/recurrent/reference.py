"""A layer in one direction, step by step in operations that autograd knows: slow, plain, and differentiable as often as you like."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwell.nets.recurrent.cells import gru_step, lstm_step, rnn_step, zoned
from gradwell.nets.recurrent.sweeps import Sweep


def read(s: Sweep) -> tuple[Tensor, Tensor | None]:
    """h_t of every step (time, batch, hidden), and for an LSTM c_t."""
    h, c, hs, cs = s.h, s.c, [], []
    drop, keep_h, keep_c = ([None] * len(s.x) if mask is None else mask for mask in s.noise)
    for x, d, kh, kc in zip(s.x, drop, keep_h, keep_c, strict=True):
        dropped = h if d is None else h * d
        if s.mode == "LSTM":
            assert c is not None
            new = lstm_step(x, dropped, c, s.w)
            h, c = zoned(new.h, h, kh), zoned(new.c, c, kc)
            cs.append(c)
        elif s.mode == "GRU":
            h = zoned(gru_step(x, dropped, s.w, h).h, h, kh)
        else:
            h = zoned(rnn_step(x, dropped, s.w, s.mode == "RNN_RELU"), h, kh)
        hs.append(h)
    return torch.stack(hs), torch.stack(cs) if cs else None
