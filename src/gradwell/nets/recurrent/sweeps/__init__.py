"""A sweep is one layer read in one direction: forwards over time, and backwards through time. One entry for all cells."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from gradwell.nets.recurrent.noise import QUIET, Noise
from gradwell.nets.recurrent.sweeps import gru, lstm, rnn
from gradwell.nets.recurrent.sweeps.base import Backward, Swept
from gradwell.nets.recurrent.sweeps.kept import Deltas, Kept
from gradwell.nets.recurrent.weights import Weights

Mode = Literal["LSTM", "GRU", "RNN_TANH", "RNN_RELU"]
GATES: dict[Mode, int] = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
BACKWARD: dict[Mode, type[Backward]] = {
    "LSTM": lstm.LSTMBackward, "GRU": gru.GRUBackward, "RNN_TANH": rnn.RNNBackward, "RNN_RELU": rnn.ReLUBackward,
}

__all__ = ["BACKWARD", "GATES", "Backward", "Deltas", "Kept", "Mode", "Sweep", "Swept", "forward"]


class Sweep(NamedTuple):
    """All that goes into a forward sweep."""

    mode: Mode
    x: Tensor  # (time, batch, inputs)
    h: Tensor  # (batch, hidden)
    c: Tensor | None
    w: Weights
    noise: Noise = QUIET


def forward(s: Sweep) -> Kept:
    """Read the inputs from the first step to the last."""
    if s.mode == "LSTM":
        assert s.c is not None
        return lstm.forward(s.x, s.h, s.c, s.w, s.noise)
    if s.mode == "GRU":
        return gru.forward(s.x, s.h, s.w, s.noise)
    return rnn.forward(s.x, s.h, s.w, s.noise, relu=s.mode == "RNN_RELU")


def backward(s: Sweep, kept: Kept) -> Backward:
    """What the backward sweep needs."""
    with torch.no_grad():
        return BACKWARD[s.mode](s.x, s.h, s.w, s.noise, kept)
