"""How a beam chooses: what it weighs beside the probability of a translation.

rank = log p(y | x) / lp(y) + cp(x, y)                                    (Wu et al. 2016)
lp   = ((5 + |y|) / 6)^length_penalty
cp   = coverage_penalty * sum over source tokens of log min(attention it got, 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradwell.errors import OptionError

LEAST = 1e-9  # attention that a source token counts as having got


@dataclass(frozen=True)
class Beam:
    """How to search."""

    size: int = 5  # beginnings that go on together
    length_penalty: float = 1.0  # 0: short translations win; 1: the mean score of a token counts
    coverage_penalty: float = 0.0  # above 0: translations that leave source tokens out lose

    def __post_init__(self) -> None:
        """Complain about what is not possible."""
        if self.size < 1:
            raise OptionError(f"the beam is {self.size}; it must be 1 or more")
        for name in ("length_penalty", "coverage_penalty"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise OptionError(f"{name} is {getattr(self, name)}; it must be 0 or more")

    def rank(self, score: Any, tokens: int, covered: Any) -> Any:
        """Scores of translations of so many tokens, penalties applied; tensors of torch or arrays of NumPy.

        covered: the sum in cp, or nothing where there is no coverage penalty.
        """
        long = ((5.0 + tokens) / 6.0) ** self.length_penalty
        return score / long + self.coverage_penalty * covered if self.coverage_penalty else score / long
