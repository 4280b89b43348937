"""A table to draw from any distribution with one look (alias method: Walker 1977, Vose 1991)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gradwell.text.dictionary import Ints, Longs
from gradwell.text.kernels import matrices


def alias_table(weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float32], Ints]:
    """Of each entry, the chance that it keeps what falls on it, and who gets it otherwise."""
    chance = weights * (len(weights) / weights.sum())
    alias = np.arange(len(weights), dtype=np.int32)
    matrices.alias_table(chance, alias, np.empty(len(weights), np.int64))
    return chance.astype(np.float32), alias


def negatives(counts: Longs) -> tuple[npt.NDArray[np.float32], Ints]:
    """The table that negatives are drawn from: in proportion to the square root of the count, as in fastText."""
    return alias_table(np.sqrt(np.maximum(counts, 1).astype(np.float64)))
