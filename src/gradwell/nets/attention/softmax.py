"""Softmax over words only."""

from __future__ import annotations

from torch import Tensor


def masked_softmax(score: Tensor, mask: Tensor | None) -> Tensor:
    """Turn scores into weights that sum to 1 over the words, and are exactly 0 on padding.

    weight_j = exp(score_j) / Σ_k exp(score_k), over words k only; where there is no word at all, every weight is 0.

    score: (..., time); mask: bool, True where there is a word, of a shape that broadcasts to the score's.
    """
    if mask is None:
        return score.softmax(-1)
    empty = ~mask.any(-1, keepdim=True)  # softmax over nothing would be NaN: such a row is weighed unmasked, then set to zero
    return score.masked_fill(~(mask | empty), float("-inf")).softmax(-1).masked_fill(empty, 0.0)
