"""The forms in which sequences are given (padded, packed, single; time or batch first), made into one, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from gradwell.errors import DataError, OptionError

Inputs = Tensor | PackedSequence
Lengths = Tensor | Sequence[int] | None


@dataclass(frozen=True)
class Sequences:
    """Sequences as (time, batch, columns), padded with zeros at their ends, and how they were given.

    mask: which steps are no padding, (time, batch); None where nothing is padded. lengths: (batch,), likewise.
    """

    x: Tensor
    mask: Tensor | None
    lengths: Tensor | None
    batch_first: bool
    single: bool = False
    packed: PackedSequence | None = None

    @classmethod
    def of(cls, inputs: Inputs, batch_first: bool, lengths: Lengths = None, columns: int | None = None, name: str = "inputs") -> Sequences:
        """Take inputs as a layer does: (time, batch, columns), (batch, time, columns) or (time, columns), or packed."""
        if isinstance(inputs, PackedSequence):
            if lengths is not None:
                raise OptionError("lengths were given beside a PackedSequence, which has its own; leave one of them out")
            wide(inputs.data, columns, name)
            return cls._of_packed(inputs, batch_first)
        if inputs.dim() not in (2, 3):
            form = "(batch, time, columns)" if batch_first else "(time, batch, columns)"
            raise DataError(f"{name} have shape {tuple(inputs.shape)}; they must be {form}, or (time, columns) for one sequence")
        wide(inputs, columns, name)
        single = inputs.dim() == 2
        x = inputs.unsqueeze(1) if single else inputs.transpose(0, 1) if batch_first else inputs
        if 0 in x.shape:
            raise DataError(f"{name} have shape {tuple(inputs.shape)}; there must be one step and one sequence at least")
        if lengths is None:
            return cls(x, None, None, batch_first, single)
        known = checked(lengths, *x.shape[:2]).to(x.device)
        mask = torch.arange(len(x), device=x.device)[:, None] < known
        return cls(x.masked_fill(~mask[..., None], 0), mask, known, batch_first, single)

    @classmethod
    def _of_packed(cls, packed: PackedSequence, batch_first: bool) -> Sequences:
        device, sizes = packed.data.device, packed.batch_sizes
        mask = (torch.arange(int(sizes[0])) < sizes[:, None]).to(device)
        x = packed.data.new_zeros(*mask.shape, packed.data.shape[-1]).masked_scatter(mask[..., None], packed.data)
        if packed.unsorted_indices is not None:
            x, mask = x.index_select(1, packed.unsorted_indices), mask.index_select(1, packed.unsorted_indices)
        return cls(x, mask, mask.sum(0), batch_first, packed=packed)

    def as_given(self, y: Tensor) -> Inputs:
        """Values of every step (time, batch, columns) in the form in which the inputs were given; padding as zeros."""
        if self.packed is not None:
            return self.packed._replace(data=self.pack(y))
        y = self.zeroed(y)
        return y.squeeze(1) if self.single else y.transpose(0, 1) if self.batch_first else y

    def pack(self, y: Tensor) -> Tensor:
        """The rows of a PackedSequence, of values (time, batch, columns)."""
        assert self.packed is not None
        assert self.mask is not None
        mask = self.mask
        if self.packed.sorted_indices is not None:
            y, mask = y.index_select(1, self.packed.sorted_indices), mask.index_select(1, self.packed.sorted_indices)
        return y[mask]

    def unpack(self, rows: Tensor) -> Tensor:
        """Values (time, batch, columns) of the rows of a PackedSequence."""
        assert self.packed is not None
        return self._of_packed(self.packed._replace(data=rows), self.batch_first).x

    def zeroed(self, y: Tensor) -> Tensor:
        """Values of every step (time, batch, columns) with zeros where there is padding."""
        return y if self.mask is None else y.masked_fill(~self.mask[..., None], 0)

    def turned(self, y: Tensor) -> Tensor:
        """Each sequence (time, batch, columns) from its last step to its first; padding stays at the end."""
        if self.lengths is None:
            return y.flip(0)
        t = torch.arange(len(y), device=y.device)[:, None]
        there = torch.where(t < self.lengths, self.lengths - 1 - t, t)
        return torch.take_along_dim(y, there[..., None], 0)

    @property
    def last(self) -> Tensor | None:
        """The last step of each sequence (batch,), None where all end together."""
        return None if self.lengths is None else self.lengths - 1


def wide(x: Tensor, columns: int | None, name: str) -> None:
    """Complain when there are not as many columns as the layer takes."""
    if columns is not None and x.shape[-1] != columns:
        raise DataError(f"{name} have {x.shape[-1]} columns (shape {tuple(x.shape)}); the layer takes {columns}")


def checked(lengths: Tensor | Sequence[int], steps: int, batch: int) -> Tensor:
    """Lengths as integers (batch,), each from 1 to the number of steps."""
    known = torch.as_tensor(lengths)
    if known.shape != (batch,) or known.is_floating_point():
        raise DataError(f"lengths have shape {tuple(known.shape)} and type {known.dtype}; there must be {batch} integers, one a sequence")
    if not bool(((known >= 1) & (known <= steps)).all()):
        raise DataError(f"lengths lie between {int(known.min())} and {int(known.max())}; each must be from 1 to {steps}, the steps")
    return known
