"""Reading the autograd graph: which layers, activations and normalisations the loss was computed through, in forward order.

The graph shows functional code (`F.relu`) and modules alike, and costs nothing until it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from gradwell.watch import sample, shards

Node = Any  # torch.autograd.graph.Node: its saved tensors and edges have no static types

RECOMPUTED = 1_000_000  # numbers; a last layer with more of them is not computed again
FLAT = ("View", "UnsafeView", "ReshapeAlias", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Select", "Clone", "Alias")  # keep the order
LIMIT = 20_000  # nodes; a longer graph (a long unrolled recurrence) is read up to here

ACTIVATIONS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Gelu": "gelu", "Silu": "silu", "LeakyRelu": "leaky_relu", "Elu": "elu",
    "Hardtanh": "hardtanh", "Softplus": "softplus", "Threshold": "threshold", "PreluKernel": "prelu", "Mish": "mish",
    "Hardswish": "hardswish", "Hardsigmoid": "hardsigmoid", "LogSigmoid": "log_sigmoid", "RreluWithNoise": "rrelu",
}
BOUNDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
NORMALIZATIONS = ("NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "NativeLayerNorm", "NativeGroupNorm", "FusedRmsNorm")
RESHAPES = frozenset({
    "View", "UnsafeView", "ReshapeAlias", "Reshape", "Transpose", "T", "Permute", "Squeeze", "Unsqueeze", "Clone", "Alias", "ToCopy",
    "AsStrided", "Expand", "Flatten", "Contiguous", "Unflatten", "Movedim",
})
LINEAR_PASS = RESHAPES | {
    "NativeDropout", "FusedDropout", "Dropout", "Mean", "AvgPool1D", "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D",
    "MkldnnAdaptiveAvgPool2D",
}
WEIGHT_PASS = RESHAPES | {"WeightNormInterface", "Div", "Mul"}
RECURRENT = ("MkldnnRnnLayer", "CudnnRnn", "MiopenRnn", "ThnnFusedLstmCell", "ThnnFusedGruCell")
# operation -> positions of its (input, weight) edges; two candidates for a plain matrix product
LINEAR = {"Addmm": ((1, 2), (2, 1)), "Mm": ((0, 1), (1, 0)), "Mv": ((1, 0), (0, 1)), "Linear": ((0, 1),), "MklLinear": ((0, 1),),
          "Convolution": ((0, 1),), "MkldnnConvolution": ((0, 1),), "Addmv": ((2, 1),)}


def operation(node: Node) -> str:
    """The bare name of a node's operation: `AddmmBackward0` -> `Addmm`."""
    return bare(node.name())


@lru_cache(4096)
def bare(name: str) -> str:
    """A node's name without namespace and suffix."""
    return name.rpartition("::")[2].partition("Backward")[0]


def inputs(node: Node) -> list[Node]:
    """The nodes that a node's inputs came from, without parameters and constants."""
    return [n for n, _ in node.next_functions if n is not None and operation(n) != "AccumulateGrad"]


def saved(node: Node, *names: str) -> Any:
    """The first saved tensor of these names that is still there; of a distributed one this process's part."""
    for name in names:
        try:
            packed = getattr(getattr(node, "_raw_saved_" + name, None), "data", None)
            if packed is not None and not isinstance(packed, Tensor):
                continue  # packed by the user's hooks (checkpointing, offloading): to unpack it would run them
            value = getattr(node, "_saved_" + name, None)
        except RuntimeError:  # freed, or modified in place since
            continue
        if value is not None and not (isinstance(value, Tensor) and is_freed(value)):
            return sample.local(value)
    return None


def is_freed(x: Tensor) -> bool:
    """Whether a tensor's memory was given back, as that of the weights that FSDP gathers is between forward and backward."""
    return type(x) in (Tensor, torch.nn.Parameter) and x.layout == torch.strided and x.numel() > 0 and x.untyped_storage().size() == 0


def output(node: Node) -> Tensor | None:
    """What a node gave out, where it was kept or can be computed again at the price of one small layer."""
    kept = saved(node, "result")
    if isinstance(kept, Tensor):
        return kept
    name, above = operation(node), inputs(node)
    if name == "Log" and isinstance(x := saved(node, "self"), Tensor):
        return x.log()
    if name == "Addmm" and isinstance(x := saved(node, "mat1"), Tensor):
        bias, w = weight_behind(node.next_functions[0][0]), second_factor(node)
        if bias is None or w is None or hasattr(bias, "to_local"):
            return None
        if max(x.numel(), w.numel(), x.shape[0] * w.shape[1]) <= RECOMPUTED:
            return torch.addmm(bias.detach().to(x.dtype), x, w)
    if name in FLAT and len(above) == 1 and (below := output(above[0])) is not None and below.numel() == math.prod(shape(node)):
        return below.reshape(shape(node))
    return None


def second_factor(node: Node) -> Tensor | None:
    """The weights (in, out) of an Addmm; where the input is data, they are not kept in the graph and are read from the parameter."""
    if isinstance(kept := saved(node, "mat2"), Tensor):
        return kept
    behind = node.next_functions[2][0]
    weight = weight_behind(behind)
    return None if weight is None or hasattr(weight, "to_local") else weight.detach().t() if operation(behind) == "T" else weight.detach()


def shape(node: Node) -> tuple[int, ...]:
    """The shape of a node's first output, as recorded when it was made."""
    metadata = getattr(node, "_input_metadata", None)
    return tuple(int(size) for size in metadata[0].shape) if metadata else ()


@dataclass(eq=False)
class Part:
    """A layer, activation or normalisation in the graph. `feeds_from` is the part before it on an unbranched path."""

    node: Node
    kind: str  # layer | activation | normalization
    type: str
    weight: Any = None  # a layer's weight, a Parameter
    input_edge: int = 0
    feeds_from: Part | None = None
    between: list[Node] = field(default_factory=list)  # nodes on the way to `feeds_from`, last first
    owner: Part | None = None  # the nearest layer before an activation or normalisation
    hidden: bool = False  # an activation whose output another layer takes
    shared: bool = False  # what it takes from `feeds_from` is taken elsewhere, too: a residual, or queries and keys of one input
    joined: bool = False  # its output is added to that of another branch


def forward_order(root: Node) -> tuple[list[Node], bool]:
    """Every node below the root so that inputs come before what uses them, and whether the whole graph was read."""
    order: list[Node] = []
    seen = {root}
    stack: list[tuple[Node, Iterator[Any]]] = [(root, iter(root.next_functions))]
    while stack:
        node, edges = stack[-1]
        for child, _ in edges:
            if child is not None and child not in seen:
                seen.add(child)
                stack.append((child, iter(child.next_functions)))
                break
        else:
            order.append(node)
            stack.pop()
        if len(seen) > LIMIT:
            return order, False
    return order, True


def weight_behind(node: Node | None) -> Any:
    """The parameter that an edge leads to through transposes, casts and reparametrisations; None where there is none."""
    for _ in range(6):
        if node is None:
            return None
        name = operation(node)
        if name == "AccumulateGrad":
            return shards.held(node.variable)
        if name not in WEIGHT_PASS:
            return None
        node = next((n for n, _ in node.next_functions if n is not None), None)
    return None


def as_part(node: Node) -> Part | None:
    """The node as a layer, an activation or a normalisation, if it is one."""
    name = operation(node)
    if name in ACTIVATIONS:
        return Part(node, "activation", ACTIVATIONS[name])
    if name in NORMALIZATIONS:
        return Part(node, "normalization", name)
    edges = node.next_functions
    for at_input, at_weight in LINEAR.get(name, ()):
        if max(at_input, at_weight) < len(edges) and (weight := weight_behind(edges[at_weight][0])) is not None:
            return Part(node, "layer", name, weight, at_input)
    if name in RECURRENT:
        weight = next((shards.held(n.variable) for n, _ in edges if n is not None and operation(n) == "AccumulateGrad"), None)
        return Part(node, "layer", name, weight, 0) if weight is not None else None
    return None


def parts(order: list[Node]) -> list[Part]:
    """The layers, activations and normalisations of a graph in forward order, each linked to the one that feeds it."""
    found: dict[Node, Part] = {}
    takers: dict[Node, list[Node]] = {}
    for node in order:
        for child in inputs(node):
            takers.setdefault(child, []).append(node)
    for node in order:
        part = as_part(node)
        if part is None:
            continue
        found[node] = part
        part.joined = is_joined(node, takers)
        edges = node.next_functions
        behind = edges[part.input_edge][0] if part.kind == "layer" else next(iter(inputs(node)), None)
        unbranched = True
        while behind is not None and operation(behind) != "AccumulateGrad":
            if behind in found:
                nearest = found[behind]
                part.owner = nearest if nearest.kind == "layer" else nearest.owner
                if unbranched:
                    part.feeds_from = nearest
                    part.shared = any(len(takers[on_the_way]) > 1 for on_the_way in (*part.between, behind))
                break
            above = inputs(behind)
            unbranched = unbranched and len(above) == 1
            part.between.append(behind)
            behind = above[0] if above else None
    for part in found.values():
        source = part.feeds_from if part.kind == "layer" else None
        while source is not None and source.kind != "layer":
            source.hidden = source.hidden or source.kind == "activation"
            source = source.feeds_from
    return list(found.values())


def is_joined(node: Node, takers: dict[Node, list[Node]]) -> bool:
    """Whether a node's output, perhaps reshaped or scaled, is added to another computed value."""
    for _ in range(6):
        above = takers.get(node, [])
        if len(above) != 1:
            return False
        node = above[0]
        if operation(node) == "Add":
            return len(inputs(node)) > 1
        if operation(node) not in WEIGHT_PASS:
            return False
    return False


def leaves(order: list[Node]) -> list[Any]:
    """The tensors that the loss will send a gradient to."""
    return [shards.held(node.variable) for node in order if operation(node) == "AccumulateGrad"]


def is_linear_pass(node: Node) -> bool:
    """Whether a node is linear in its one input: a reshape, dropout, or pooling by mean."""
    name = operation(node)
    if name != "Mul" and name != "Div":
        return name in LINEAR_PASS
    factor = saved(node, "other", "self")  # dropout on the CPU multiplies by a mask of two values, 0 and 1 / (1 - p)
    if factor is None or not hasattr(factor, "amax"):
        return factor is None or isinstance(factor, (int, float))
    sample = factor.detach().flatten()[:4096]
    return bool(((sample == 0) | (sample == sample.amax())).all())
