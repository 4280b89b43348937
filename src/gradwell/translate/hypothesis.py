"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Hypothesis:
    """One possible translation."""

    ids: list[int]  # its tokens, `</s>` last where it came to an end
    scores: list[float]  # log-probability of each token
    weights: Any  # (tokens, source tokens), a tensor or an array: what each attended to
    rank: float  # what the search sorted by: the sum of scores, penalties applied

    @property
    def score(self) -> float:
        """Log-probability (nats)."""
        return sum(self.scores)
