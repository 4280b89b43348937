"""The trivial predictor: the best loss that is possible without looking at the input.

For classes it is the entropy of the class prior, for {0, 1} targets that of each column, for real targets their variance
(squared error) or mean absolute deviation (absolute error). The targets seen so far are kept as sums.
"""

from __future__ import annotations

import torch
from torch import Tensor

COLUMNS = 1_000_000  # target columns kept apart; wider targets are pooled


def entropy(weights: Tensor) -> Tensor:
    """The entropy, in nats, of the distribution that these non-negative weights (classes,) are proportional to."""
    p = weights / weights.sum()
    total: Tensor = torch.special.entr(p).sum()
    return total


class TrivialPredictor:
    """Sums of the targets of one loss term, and what the best constant prediction costs on them."""

    def __init__(self) -> None:
        self.rows = 0
        self.sums: Tensor | None = None
        self.squares: Tensor | None = None
        self.absolute = 0.0

    def classes(self, target: Tensor, classes: int, weight: Tensor | None = None) -> Tensor:
        """Take class ids (examples,) of `classes` classes with optional class weights; return the prior's cross-entropy."""
        counts = torch.bincount(target.flatten(), minlength=classes).float()
        self.sums = counts if self.sums is None or len(self.sums) != len(counts) else self.sums + counts
        return entropy(self.sums if weight is None else self.sums * weight)

    def shares(self, target: Tensor) -> Tensor:
        """Take soft labels (examples, classes); return the entropy of their mean."""
        self._add(target)
        assert self.sums is not None
        return entropy(self.sums)

    def binary(self, target: Tensor, positive_weight: Tensor | None = None) -> Tensor:
        """Take targets in [0, 1] (examples, columns); return the binary cross-entropy of each column's mean, averaged."""
        self._add(target)
        assert self.sums is not None
        m = self.sums / self.rows
        up = m if positive_weight is None else m * positive_weight
        q = up / (up + 1 - m)
        return -(torch.xlogy(up, q) + torch.xlogy(1 - m, 1 - q)).mean()

    def squared(self, target: Tensor) -> Tensor:
        """Take real targets (examples, columns); return their variance about each column's mean, averaged."""
        self._add(target)
        assert self.sums is not None
        assert self.squares is not None
        return (self.squares / self.rows - (self.sums / self.rows).square()).clamp_min(0).mean()

    def deviation(self, target: Tensor) -> Tensor:
        """Take real targets (examples, columns); return the mean absolute deviation from each column's median."""
        table = self._table(target)
        self.absolute += float((table - table.median(0).values).abs().mean()) * len(table)
        self.rows += len(table)
        return table.new_tensor(self.absolute / self.rows)

    def _add(self, target: Tensor) -> None:
        table = self._table(target)
        sums, squares = table.sum(0), table.square().sum(0)
        if self.sums is None or self.squares is None or self.sums.shape != sums.shape:
            self.rows, self.sums, self.squares = len(table), sums, squares
        else:
            self.rows, self.sums, self.squares = self.rows + len(table), self.sums + sums, self.squares + squares

    @staticmethod
    def _table(target: Tensor) -> Tensor:
        table = target.detach().double().reshape(len(target), -1) if target.dim() else target.detach().double().reshape(1, 1)
        return table if table.shape[1] <= COLUMNS else table.reshape(-1, 1)
