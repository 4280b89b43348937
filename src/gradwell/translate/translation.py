"""Sentences in, translations out, whatever searches for them: torch, or ONNX Runtime without it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gradwell.translate.hypothesis import Hypothesis
from gradwell.translate.pairs import clean
from gradwell.translate.ranking import Beam
from gradwell.translate.vocabulary import EOS, Vocabulary

AT_ONCE = 256  # beginnings of translations that go on together
Search = Callable[[list[list[int]], list[int]], list[list[Hypothesis]]]  # of sentences and their places


@dataclass(frozen=True)
class Translation:
    """A translation, and how it came about."""

    text: str
    source_tokens: list[str]  # `</s>` last
    tokens: list[str]  # `</s>` last where it came to an end
    scores: list[float]  # log-probability of each token, nats
    weights: Any  # (tokens, source tokens), a tensor or an array: what each token attended to; each row sums to 1
    rank: float  # what it was chosen by: the log-probability, penalties applied

    @property
    def score(self) -> float:
        """Log-probability (nats)."""
        return sum(self.scores)


class BaseTranslator(ABC):
    """What every translator can do."""

    source: Vocabulary
    target: Vocabulary
    one: ClassVar[Any]  # (1, 1), a one of its own kind: what the end of an empty sentence attends to

    def translate(self, sentences: Sequence[str], beam: Beam | None = None) -> list[Translation]:
        """The best translation of each sentence: by beam search, or greedily without one. An empty sentence stays empty."""
        return [found[0] for found in self.candidates(sentences, beam)]

    @abstractmethod
    def candidates(self, sentences: Sequence[str], beam: Beam | None = None) -> list[list[Translation]]:
        """For each sentence its translations, the best first: as many as the beam is wide."""

    def searched(self, sentences: Sequence[str], search: Search, at_once: int = AT_ONCE) -> list[list[Translation]]:
        """What a search finds for all sentences, those of like length together, so many at once."""
        rows = self.source.encode([clean(text) for text in sentences])
        out = [[self.told([EOS], Hypothesis([EOS], [0.0], self.one, 0.0))] for _ in rows]
        waiting = sorted((i for i, row in enumerate(rows) if len(row) > 1), key=lambda i: len(rows[i]))
        for first in range(0, len(waiting), at_once):
            places = waiting[first : first + at_once]
            for i, found in zip(places, search([rows[i] for i in places], places), strict=True):
                out[i] = [self.told(rows[i], one) for one in found]
        return out

    def told(self, source: list[int], found: Hypothesis) -> Translation:
        """A hypothesis in words."""
        tokens = self.target.tokens(found.ids)
        return Translation(self.target.decode(found.ids), self.source.tokens(source), tokens, found.scores, found.weights, found.rank)
