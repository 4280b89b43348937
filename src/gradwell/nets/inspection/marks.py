"""The part of a model's input that each number of a tensor depends on, carried along through any operation.

A tensor's marks are tensors that broadcast to its shape, two for each dimension of the input: the last position that a number depends on,
and minus the first. Both are joined by taking the larger, so one rule for an operation serves them all. A number that depends on nothing
has -inf. Where every number along a dimension has the same marks, these have size 1 there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

import torch
from torch import Tensor

from gradwell.nets.inspection.windows import NONE

Marks = tuple[Tensor, ...]


def of_input(x: Tensor) -> Marks:
    """The marks of the input itself: each number depends on itself. The batch, dimension 0, is not followed."""
    marks = []
    for d in range(1, x.dim()):
        i = torch.arange(x.shape[d], dtype=torch.float64).reshape([-1 if k == d else 1 for k in range(x.dim())])
        marks += [i, -i]
    return tuple(marks)


def field(marks: Marks) -> tuple[int, ...]:
    """The receptive field: the largest extent in each dimension of the input over all numbers of a tensor.

    Numbers that depend on no position along one dimension depend on no input at all, whatever their marks along the others.
    """
    extents = (last + minus_first + 1 for last, minus_first in zip(marks[::2], marks[1::2], strict=True))
    widest = tuple(max(0, int(extent.nan_to_num(neginf=0).max())) for extent in extents)
    return widest if all(widest) else (0,) * len(widest)


def joined(operands: Iterable[Marks]) -> Marks:
    """The marks of numbers that each depend on one number of every operand, as in a + b; operands broadcast."""
    first, *rest = operands
    for other in rest:
        first = tuple(torch.maximum(a, b) for a, b in zip(first, other, strict=True))
    return first


def over(marks: Marks, dims: Sequence[int], keep: bool = True) -> Marks:
    """The marks after a reduction over some dimensions: a sum, a mean, a maximum."""
    return tuple(m.amax(tuple(dims), keepdim=keep) for m in marks) if dims else marks


def whole(marks: Marks, shape: Sequence[int], dims: Iterable[int] | None = None) -> Marks:
    """The marks in full size: in all dimensions of the tensor's shape, or only in some."""
    if dims is None:
        return tuple(m.expand(tuple(shape)) for m in marks)
    some = {d % len(shape) for d in dims}
    return tuple(m.expand([shape[d] if d in some else -1 for d in range(len(shape))]) for m in marks)


def shrunk(m: Tensor) -> Tensor:
    """A mark without the dimensions in which it is merely repeated."""
    for d in range(m.dim()):
        if m.stride(d) == 0 and m.shape[d] > 1:
            m = m.narrow(d, 0, 1)
    return m


def gathered(marks: Marks, dim: int, positions: Tensor) -> Marks:
    """The marks after windows along one dimension; positions: (out, window), -1 where nothing is read.

    dim counts from the end, as -1.
    """
    table = positions.masked_fill(positions == NONE, 0)
    empty = (positions == NONE).reshape(*positions.shape, *(1,) * (-dim - 1))

    def one(m: Tensor) -> Tensor:
        if m.shape[dim] == 1:  # the same everywhere
            return m
        taken: Tensor = m.index_select(dim, table.reshape(-1)).unflatten(dim, tuple(table.shape))  # type: ignore[no-untyped-call]
        return taken.masked_fill(empty, -inf).amax(dim)

    return tuple(one(m) for m in marks)
