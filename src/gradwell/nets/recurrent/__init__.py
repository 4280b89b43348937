"""Recurrent layers that can be looked into: see every gate with `trace`, take gradients apart in time with `temporal_gradients`.

Both work with nn.RNN, nn.GRU and nn.LSTM as they are, and with LSTM, GRU and RNN from here, which can do what torch's cannot.
"""

from gradwell.nets.recurrent.clip import AdaptiveClipper, Clipped
from gradwell.nets.recurrent.gates import Gates, GRUGates, LSTMGates, RNNGates, Shares
from gradwell.nets.recurrent.gradients import LayerGradients, TemporalGradients
from gradwell.nets.recurrent.layer import Recurrent
from gradwell.nets.recurrent.layers import GRU, LSTM, RNN
from gradwell.nets.recurrent.temporal import temporal_gradients
from gradwell.nets.recurrent.trace import Trace, trace

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveClipper",
    "Clipped",
    "GRUGates",
    "Gates",
    "LSTMGates",
    "LayerGradients",
    "RNNGates",
    "Recurrent",
    "Shares",
    "TemporalGradients",
    "Trace",
    "temporal_gradients",
    "trace",
]
