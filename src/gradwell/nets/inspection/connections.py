"""How the units of a layer are connected through its weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from gradwell.nets.inspection.layer import Shape
from gradwell.nets.inspection.windows import pairs, transposed, window, wrapped
from gradwell.nets.recurrent.layer import Recurrent

ATOMS = (nn.Linear, nn.modules.conv._ConvNd, nn.RNNBase, Recurrent, nn.RNNCellBase, nn.MultiheadAttention, nn.Embedding, nn.EmbeddingBag)
SCALES = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.PReLU)


@dataclass(frozen=True)
class Connections:
    """Connections of a layer, per example: how many there are, how many there could be, and what weights without sharing would be.

    dense: parameters of a fully connected layer between the same units. local: parameters with a weight for every place of use.
    """

    connections: int
    possible: int
    dense: int
    local: int
    steps: int | None = None

    def __add__(self, other: Connections) -> Connections:
        return Connections(self.connections + other.connections, self.possible + other.possible, self.dense + other.dense,
                           self.local + other.local)


def connections(module: nn.Module, inputs: tuple[Shape, ...], output: Shape, batch: int) -> Connections | None:
    """How one example's units are connected in one call of a layer, or None where that has no meaning or is not known.

    inputs, output: shapes with the batch. A bias is counted in `dense` where the layer has one.
    """
    x = inputs[0] if inputs else ()
    if isinstance(module, nn.modules.conv._ConvNd):
        return convolution(module, x, output, batch)
    if isinstance(module, nn.Linear):
        return affine(rows(x[:-1], batch), module.in_features, module.out_features, module.bias is not None)
    if isinstance(module, nn.Embedding):  # a linear layer on words that are one 1 among zeros
        return affine(rows(x, batch), module.num_embeddings, module.embedding_dim, bias=False)
    if isinstance(module, nn.RNNCellBase):
        times, hidden, states = rows(x[:-1], batch), module.hidden_size, module.weight_hh.shape[1]
        return None if not times else Connections(
            times * (module.input_size + states) * hidden, times ** 2 * (module.input_size + states) * hidden,
            times ** 2 * (module.input_size + states) * hidden + times * hidden, times * held(module), times)
    if isinstance(module, (nn.RNNBase, Recurrent)):
        return recurrent(module, rows(x[:-1], batch))
    if isinstance(module, nn.MultiheadAttention) and len(inputs) == 3:
        return attention(module, [rows(one[:-1], batch) for one in inputs])
    if isinstance(module, SCALES) and held(module) and (units := rows(x, batch)):
        weights = sum(1 for _ in module.parameters())  # scale and shift, each one a unit
        return Connections(units, units ** 2, units ** 2 + units, weights * units)
    return None


def rows(shape: Shape, batch: int) -> int | None:
    """How many places a shape has for each example; None where the batch does not divide it."""
    places = prod(shape)
    return places // batch if batch and places % batch == 0 else None


def held(module: nn.Module) -> int:
    """How many numbers a layer has learned."""
    return sum(p.numel() for p in module.parameters())


def affine(places: int | None, inputs: int, outputs: int, bias: bool) -> Connections | None:
    """A linear layer that is applied at several places alike."""
    if not places:
        return None
    return Connections(places * inputs * outputs, places ** 2 * inputs * outputs, places ** 2 * inputs * outputs + bias * places * outputs,
                       places * (inputs * outputs + bias * outputs))


def convolution(module: nn.modules.conv._ConvNd, x: Shape, output: Shape, batch: int) -> Connections | None:
    """A convolution: exact at the borders, where what lies in the padding is no connection."""
    n = len(module.kernel_size)
    copies = rows(x[:-n - 1], batch) if len(x) > n + 1 else 1
    if not copies:
        return None
    joined = copies * module.in_channels * module.out_channels // module.groups
    for d in range(n):
        joined *= pairs(read(module, d, x[d - n], output[d - n]))
    ins, outs = copies * prod(x[-n - 1:]), copies * prod(output[-n - 1:])
    bias = module.bias is not None
    places = copies * prod(x[-n:] if module.transposed else output[-n:])  # each would have a kernel of its own
    return Connections(joined, ins * outs, ins * outs + bias * outs, places * module.weight.numel() + bias * outs)


def read(module: nn.modules.conv._ConvNd, d: int, n: int, out: int) -> torch.Tensor:
    """Positions that each output position of a convolution reads, in its dimension d."""
    kernel, stride, dilation = module.kernel_size[d], module.stride[d], module.dilation[d]
    if isinstance(module.padding, str):
        padding = dilation * (kernel - 1) // 2 if module.padding == "same" else 0
    else:
        padding = int(module.padding[d])
    if module.transposed:
        return transposed(n, out, kernel, stride, padding, dilation)
    if module.padding_mode == "zeros":
        return window(n, out, kernel, stride, padding, dilation)
    whole = window(n + 2 * padding + kernel * dilation, out, kernel, stride, 0, dilation) - padding
    return wrapped(n, whole, module.padding_mode)


def recurrent(module: Any, steps: int | None) -> Connections | None:
    """A recurrent layer unrolled in time: from x_t and h_(t-1) to h_t at each step, in each of its layers and directions."""
    if not steps:
        return None
    directions, states = 2 if module.bidirectional else 1, module.proj_size or module.hidden_size
    joined = outs = 0
    for k in range(module.num_layers):
        below = module.input_size if k == 0 else directions * states
        joined += directions * ((below + states) * module.hidden_size + module.hidden_size * module.proj_size)
        outs += directions * (module.hidden_size + module.proj_size)
    bias = steps * outs if module.bias else 0
    return Connections(steps * joined, steps ** 2 * joined, steps ** 2 * joined + bias, steps * held(module), steps)


def attention(module: nn.MultiheadAttention, places: list[int | None]) -> Connections | None:
    """The four projections of an attention; which place attends to which is no weight."""
    size, bias = module.embed_dim, module.in_proj_bias is not None
    queries, keys, values = places
    parts = [affine(queries, size, size, bias), affine(keys, module.kdim or size, size, bias),
             affine(values, module.vdim or size, size, bias), affine(queries, size, size, module.out_proj.bias is not None)]
    total: Connections | None = None
    for part in parts:
        if part is None:
            return None
        total = part if total is None else total + part
    return total
