"""What a decoder attends to."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Memory(NamedTuple):
    """A sentence that was read, made ready once so that every step of a decoder can look at it.

    It holds plain tensors: it may be reordered, moved or sent through `torch.export` like any tuple.
    """

    keys: Tensor  # (batch, time, attention size): what queries are compared with, already projected
    values: Tensor  # (batch, time, values): what contexts are made of
    mask: Tensor | None  # (batch, time) bool, True where there is a word
    powers: Tensor | None = None  # (batch, time, attention size): exp(2 keys), where additive attention keeps them to save work

    def select(self, rows: Tensor) -> Memory:
        """The memory of these rows of the batch, in this order; a row may come several times. rows: (rows,) int."""
        mask, powers = (part if part is None else part.index_select(0, rows) for part in (self.mask, self.powers))
        return Memory(self.keys.index_select(0, rows), self.values.index_select(0, rows), mask, powers)
