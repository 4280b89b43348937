"""How the weights of a recurrent layer start."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gradwell.nets.recurrent.weights import Weights


@torch.no_grad()
def start(w: Weights, orthogonal: bool, forget_bias: float | None = None) -> None:
    """Input weights as torch has them; square recurrent blocks orthogonal, so that they neither stretch nor shrink (Saxe et al. 2014).

    forget_bias: what the two biases of an LSTM's forget gate add up to (Jozefowicz et al. 2015 found 1 to serve well); None leaves
    0. All other biases start at 0, all gains at 1.
    """
    bound = 1 / math.sqrt(w.hidden)
    nn.init.uniform_(w.weight_ih, -bound, bound)
    for block in torch.split(w.weight_hh, w.hidden):
        if orthogonal:
            nn.init.orthogonal_(block)
        else:
            nn.init.uniform_(block, -bound, bound)
    fill((w.bias_ih, w.bias_hh, w.bias_c), 0.0)
    fill((w.gain_ih, w.gain_hh, w.gain_c), 1.0)
    if forget_bias is not None and w.bias_ih is not None:
        w.bias_ih[w.hidden : 2 * w.hidden] = forget_bias


def fill(tensors: tuple[Tensor | None, ...], value: float) -> None:
    """Set those that are there."""
    for tensor in tensors:
        if tensor is not None:
            tensor.fill_(value)
