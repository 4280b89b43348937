"""How each of torch's operations passes on what its inputs depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import torch
from torch import Tensor

from gradwell.nets.inspection.marks import Marks, gathered, joined, over, shrunk, whole
from gradwell.nets.inspection.windows import NONE, adaptive, transposed, window

Known = Callable[[Any], Marks | None]  # the marks of a tensor; None where it does not depend on the input
Bound = dict[str, Any]  # the arguments of an operation by their names

SAME = {"alias", "clone", "detach", "_to_copy", "lift_fresh", "dropout", "native_dropout", "contiguous", "copy"}
RESHAPES = {"view", "_unsafe_view", "reshape", "_reshape_alias", "_reshape_copy", "squeeze", "unsqueeze", "flatten"}
MOVES = {"permute", "transpose", "t", "expand", "slice", "select", "split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes",
         "unbind", "flip", "roll", "repeat", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d",
         "replication_pad2d", "replication_pad3d", "index_select", "index", "_unsafe_index",
         "pixel_shuffle", "pixel_unshuffle", "native_channel_shuffle",
         "channel_shuffle", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "unfold", "diagonal", "movedim"}
REDUCTIONS = {"sum", "mean", "amax", "amin", "max", "min", "var", "std", "logsumexp", "linalg_vector_norm", "norm", "prod", "any", "all"}
SOFTMAXES = {"_softmax", "_log_softmax", "_safe_softmax"}


def passed_on(func: Any, bound: Bound, out: Any, known: Known) -> Marks | list[Marks] | None:
    """The marks of an operation's output, or of each of its outputs; None where the operation is not known."""
    name = func._schema.name.removeprefix("aten::")
    if func._schema.is_mutable and name.endswith("_"):
        name = name[:-1]
    first: Any = next(iter(bound.values()), None)
    if torch.Tag.pointwise in func.tags or name in SAME:
        operands = [(marks, x.dim()) for x in flat(bound.values()) if (marks := known(x)) is not None]
        return joined(tuple(m.reshape((1,) * (out.dim() - n) + m.shape) for m in marks) for marks, n in operands)
    if name in ("cat", "stack"):
        return together(name, first, bound.get("dim", 0), known)
    if name in ("mm", "bmm", "addmm", "baddbmm"):
        return product(bound, known)
    if name == "embedding":
        marks = known(bound["indices"])
        return None if marks is None or known(bound["weight"]) is not None else tuple(m.unsqueeze(-1) for m in marks)
    marks = known(first)
    if marks is None or any(known(x) is not None for x in flat(list(bound.values())[1:])):
        return None  # weights or indices that depend on the input
    if func._schema.is_mutable and name in ("t", "transpose"):  # `first` has its new shape already
        return tuple(m.transpose(bound.get("dim0", 0), bound.get("dim1", m.dim() - 1)) for m in marks)
    if func._schema.is_mutable:
        return None
    if name in RESHAPES:
        return tuple(shrunk(m.reshape(out.shape)) for m in whole(marks, first.shape))
    if name in MOVES:
        return moved(func, bound, whole(marks, first.shape))
    if name == "constant_pad_nd":
        return padded(marks, first.shape, bound["pad"])
    if name in REDUCTIONS:
        dims = bound.get("dim")
        dims = range(first.dim()) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
        return over(marks, list(dims), bound.get("keepdim", False) or False)
    if name in SOFTMAXES:
        return over(marks, [bound["dim"]])
    if name == "cumsum":
        return tuple(m.cummax(bound["dim"]).values for m in whole(marks, first.shape, [bound["dim"]]))
    return layered(name, bound, out, marks)


def flat(values: Any) -> list[Any]:
    """All tensors in a nest of arguments."""
    return [x for x in torch.utils._pytree.tree_leaves(list(values)) if isinstance(x, Tensor)]


def together(name: str, parts: Sequence[Tensor], dim: int, known: Known) -> Marks:
    """Tensors one after the other; those that do not depend on the input have -inf."""
    some = next(marks for x in parts if (marks := known(x)) is not None)
    extra = 1 if name == "stack" else 0
    dim %= parts[0].dim() + extra
    lists: list[Marks] = []
    for x in parts:
        marks = known(x) or tuple(m.new_full((1,) * x.dim(), -inf) for m in some)
        if x.shape == (0,) and parts[0].dim() > 1:
            continue  # torch lets an empty tensor be joined to anything
        if extra:
            lists.append(tuple(m.unsqueeze(dim) for m in marks))
        else:
            lists.append(whole(marks, x.shape, [dim]))
    sized = [torch.broadcast_shapes(*(marks[i].movedim(dim, 0)[:1].shape for marks in lists))  # type: ignore[no-untyped-call]
             for i in range(len(some))]
    return tuple(
        torch.cat([marks[i].movedim(dim, 0).expand(-1, *sized[i][1:]) for marks in lists]).movedim(0, dim) for i in range(len(some)))


def product(bound: Bound, known: Known) -> Marks:
    """Matrices multiplied, c = a b: each number depends on a row of a and a column of b."""
    *bias, a, b = (x for x in bound.values() if isinstance(x, Tensor))
    operands = [over(marks, [dim]) for x, dim in ((a, -1), (b, -2)) if (marks := known(x)) is not None]
    for x in bias:
        if (marks := known(x)) is not None:
            operands.append(tuple(m.reshape((1,) * (a.dim() - x.dim()) + m.shape) for m in marks))
    return joined(operands)


def moved(func: Any, bound: Bound, marks: Marks) -> Marks | list[Marks] | None:
    """Numbers that are put elsewhere: the marks are put there by the same operation."""
    rest = torch.utils._pytree.tree_map_only(Tensor, lambda x: x.cpu(), list(bound.items())[1:])
    outs = [m[indices(bound["indices"])] if "indices" in bound else func(m, **dict(rest)) for m in marks]
    if isinstance(outs[0], Tensor):
        return tuple(shrunk(m) for m in outs)
    return [tuple(shrunk(m) for m in one) for one in zip(*outs, strict=True)]


def indices(given: Sequence[Tensor | None]) -> tuple[Any, ...]:
    """What stands in the brackets of x[...]."""
    return tuple(slice(None) if i is None else i.cpu() for i in given)


def padded(marks: Marks, shape: Sequence[int], pad: Sequence[int]) -> Marks:
    """Constants around a tensor."""
    dims = [len(shape) - 1 - k // 2 for k, n in enumerate(pad) if n]
    return tuple(torch.nn.functional.pad(m, list(pad), value=-inf) for m in whole(marks, shape, dims))


def layered(name: str, bound: Bound, out: Any, marks: Marks) -> Marks | None:
    """The operations that have layers of their own."""
    first = next(iter(bound.values()))
    y = out[0] if isinstance(out, (tuple, list)) else out
    n = first.dim()
    if name == "convolution":
        return convolved(bound, y, marks)
    if "batch_norm" in name:
        trained = bound.get("training", "with_update" in name)
        return over(marks, [d for d in range(n) if d != 1]) if trained else marks
    if name in ("native_layer_norm", "_fused_rms_norm"):
        return over(marks, range(n - len(bound["normalized_shape"]), n))
    if name == "native_group_norm":
        rest = (1,) * (n - 2)
        split = (grouped(m, bound["group"]) for m in whole(marks, first.shape, [1]))
        each = (m.amax(list(range(2, n + 1)), keepdim=True) for m in split)
        return tuple(m.expand(-1, -1, bound["C"] // bound["group"], *rest).flatten(1, 2) for m in each)
    if name.startswith(("max_pool", "avg_pool")) and "kernel_size" in bound:
        kernel = listed(bound["kernel_size"], y.dim() - 2 if n > 3 else len(listed(bound["kernel_size"], 1)))
        stride, padding, dilation = (listed(bound.get(k) or default, len(kernel)) for k, default in (
            ("stride", kernel), ("padding", 0), ("dilation", 1)))
        return windowed(marks, len(kernel), lambda d: window(first.shape[d], y.shape[d], kernel[d], stride[d], padding[d], dilation[d]))
    if "adaptive" in name and "_pool" in name:
        return windowed(marks, int(name[-2]), lambda d: adaptive(first.shape[d], y.shape[d]))
    if name in ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"):
        scales = bound.get("scale_factors") or [bound.get(k) for k in ("scales_d", "scales_h", "scales_w")][-(n - 2):]
        scales = [bound.get("scales")] if n == 3 and "scales" in bound else scales
        return windowed(marks, n - 2, lambda d: blended(first.shape[d], y.shape[d], bound["align_corners"], scales[d]))
    return None


def grouped(m: Tensor, groups: int) -> Tensor:
    """Channels in groups: (batch, groups, channels / groups, ...)."""
    return m.reshape(m.shape[0], groups, -1, *m.shape[2:])


def listed(value: Any, n: int) -> list[int]:
    """A number for each dimension."""
    values = [value] if isinstance(value, int) else list(value)
    return values * n if len(values) == 1 else values


def windowed(marks: Marks, n: int, positions: Callable[[int], Tensor]) -> Marks:
    """Windows along each of the last n dimensions; positions: what is read along dimension d, counted from the end."""
    for d in range(-n, 0):
        marks = gathered(marks, d, positions(d))
    return marks


def convolved(bound: Bound, y: Tensor, marks: Marks) -> Marks:
    """A convolution: every output channel reads all input channels of its group."""
    x, weight, groups = bound["input"], bound["weight"], bound["groups"]
    n = x.dim() - 2
    if groups == 1:
        marks = over(marks, [1])
    else:
        marks = tuple(grouped(m, groups).amax(2).repeat_interleave(y.shape[1] // groups, 1) for m in whole(marks, x.shape, [1]))
    kernel = list(weight.shape[2:])
    stride, padding, dilation = (listed(bound[k], n) for k in ("stride", "padding", "dilation"))
    read = transposed if bound["transposed"] else window
    return windowed(marks, n, lambda d: read(x.shape[d], y.shape[d], kernel[d], stride[d], padding[d], dilation[d]))


def blended(n: int, out: int, corners: bool, scale: float | None) -> Tensor:
    """What each position of a linear interpolation is blended from: (out, at most 2)."""
    weights = torch.ops.aten.upsample_linear1d(torch.eye(n, dtype=torch.float64)[None], [out], corners, scale)[0]  # (n, out)
    found = [column.nonzero()[:, 0] for column in weights.T]
    return torch.nn.utils.rnn.pad_sequence(found, batch_first=True, padding_value=NONE)
