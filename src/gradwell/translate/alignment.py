"""Which words of a sentence its translation looked at: attention, by words instead of pieces of words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradwell.errors import OptionError
from gradwell.translate.vocabulary import SPACE, SPECIAL

if TYPE_CHECKING:
    from gradwell.translate.translation import Translation


@dataclass(frozen=True)
class Alignment:
    """Weights between words: row i says what target word i looked at."""

    source: list[str]
    target: list[str]
    weights: list[list[float]]  # each row sums to 1
    score: float  # log-probability of the translation, nats

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"source": self.source, "target": self.target, "weights": self.weights, "score": self.score}

    def as_json(self) -> str:
        """As JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False) + "\n"


def alignment(found: Translation, pieces: bool = False) -> Alignment:
    """The alignment of a translation: by words, or by the pieces that the translator knows.

    A word looks at what its pieces look at on average, and gets what its pieces get together.
    """
    columns = [[i] for i in range(len(found.source_tokens))] if pieces else words(found.source_tokens)
    rows = [[i] for i in range(len(found.tokens))] if pieces else words(found.tokens)
    weights = torch.as_tensor(found.weights).double()
    weights = torch.stack([weights[:, group].sum(1) for group in columns], 1)
    weights = torch.stack([weights[group].mean(0) for group in rows])
    return Alignment(
        [spelled(found.source_tokens, group) for group in columns], [spelled(found.tokens, group) for group in rows],
        rounded(weights), found.score,
    )


def words(tokens: Sequence[str]) -> list[list[int]]:
    """Which tokens make up each word; punctuation stands alone."""
    groups: list[list[int]] = []
    for i, token in enumerate(tokens):
        alone = token in SPECIAL or not token[:1].isalnum()
        if not groups or alone or tokens[i - 1] in SPECIAL or not spelled(tokens, groups[-1])[-1:].isalnum():
            groups.append([i])
        else:
            groups[-1].append(i)
    return joined(tokens, groups)


def joined(tokens: Sequence[str], groups: list[list[int]]) -> list[list[int]]:
    """Groups without those that are only a space, which belongs to what follows."""
    out: list[list[int]] = []
    waiting: list[int] = []
    for group in groups:
        if all(tokens[i] == SPACE for i in group):
            waiting += group
        else:
            out.append(waiting + group)
            waiting = []
    return [*out, waiting] if waiting else out


def spelled(tokens: Sequence[str], group: Sequence[int]) -> str:
    """A word as it is written."""
    return "".join(tokens[i] for i in group).replace(SPACE, "") or SPACE


def rounded(weights: Tensor) -> list[list[float]]:
    """Weights as plain numbers of six places."""
    return [[round(value, 6) for value in row] for row in weights.tolist()]


def must_attend(attends: bool) -> None:
    """Complain where there is nothing to show."""
    if not attends:
        raise OptionError("this translator has no attention: every word looks at the same fixed vector, so there is no alignment to show")
