"""A trained translator: sentences in, translations out, with what each word looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradwell.errors import DataError
from gradwell.translate import files
from gradwell.translate.beam import Beam, beam_search
from gradwell.translate.forced import forced
from gradwell.translate.greedy import greedy
from gradwell.translate.hypothesis import Hypothesis
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.options import NONE, Options
from gradwell.translate.pairs import clean
from gradwell.translate.vocabulary import Vocabulary

AT_ONCE = 256  # beginnings of translations that go on together
Search = Callable[[list[list[int]], list[int]], list[list[Hypothesis]]]  # of sentences and their places


@dataclass(frozen=True)
class Translation:
    """A translation, and how it came about."""

    text: str
    source_tokens: list[str]  # `</s>` last
    tokens: list[str]  # `</s>` last where it came to an end
    scores: list[float]  # log-probability of each token, nats
    weights: Tensor  # (tokens, source tokens): what each token attended to; each row sums to 1
    rank: float  # what it was chosen by: the log-probability, penalties applied

    @property
    def score(self) -> float:
        """Log-probability (nats)."""
        return sum(self.scores)


class Translator:
    """Translates, scores and shows; `load` gives one, `train` makes one."""

    def __init__(
        self, options: Options, source: Vocabulary, target: Vocabulary, model: EncoderDecoder, history: list[dict[str, Any]] | None = None,
        alignments: dict[str, Any] | None = None,
    ) -> None:
        self.options, self.source, self.target, self.model = options, source, target, model
        self.history = history or []
        self.alignments = alignments  # of some validation sentences: their tokens, and the weights after each epoch

    @property
    def attends(self) -> bool:
        """Whether it has attention, so that there is an alignment to show."""
        return self.options.attention != NONE

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return sum(weight.numel() for weight in self.model.parameters())

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write it to a folder, from which `load` gives it back."""
        files.save(self, folder)

    def translate(self, sentences: Sequence[str], beam: Beam | None = None) -> list[Translation]:
        """The best translation of each sentence: by beam search, or greedily without one. An empty sentence stays empty."""
        return [found[0] for found in self.candidates(sentences, beam)]

    def candidates(self, sentences: Sequence[str], beam: Beam | None = None) -> list[list[Translation]]:
        """For each sentence its translations, the best first: as many as the beam is wide."""
        if beam is None:
            return self.searched(sentences, lambda rows, _: [[one] for one in greedy(self.model, rows)])
        return self.searched(sentences, lambda rows, _: beam_search(self.model, rows, beam), max(1, AT_ONCE // beam.size))

    def sample(
        self, sentences: Sequence[str], temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, seed: int = 0
    ) -> list[Translation]:
        """A translation of each sentence, drawn by lot."""

        def drawn(rows: list[list[int]], places: list[int]) -> list[list[Hypothesis]]:
            return [[one] for one in greedy(self.model, rows, temperature, top_k, top_p, seed + places[0])]

        return [one[0] for one in self.searched(sentences, drawn)]

    def force(self, sentences: Sequence[str], references: Sequence[str]) -> list[Translation]:
        """How probable given translations are, token by token, and what each token attends to."""
        if len(sentences) != len(references):
            raise DataError(f"there are {len(sentences):,} sentences and {len(references):,} references; there must be one for each")
        targets = self.target.encode([clean(text) for text in references])

        def given(rows: list[list[int]], places: list[int]) -> list[list[Hypothesis]]:
            return [[one] for one in forced(self.model, rows, [targets[i] for i in places])]

        return [one[0] for one in self.searched(sentences, given)]

    def searched(self, sentences: Sequence[str], search: Search, at_once: int = AT_ONCE) -> list[list[Translation]]:
        """What a search finds for all sentences, those of like length together, so many at once."""
        rows = self.source.encode([clean(text) for text in sentences])
        out: list[list[Translation]] = [[Translation("", ["</s>"], ["</s>"], [0.0], torch.ones(1, 1), 0.0)] for _ in rows]
        waiting = sorted((i for i, row in enumerate(rows) if len(row) > 1), key=lambda i: len(rows[i]))
        self.model.eval()
        for first in range(0, len(waiting), at_once):
            places = waiting[first : first + at_once]
            for i, found in zip(places, search([rows[i] for i in places], places), strict=True):
                out[i] = [self.told(rows[i], one) for one in found]
        return out

    def told(self, source: list[int], found: Hypothesis) -> Translation:
        """A hypothesis in words."""
        tokens = self.target.tokens(found.ids)
        return Translation(self.target.decode(found.ids), self.source.tokens(source), tokens, found.scores, found.weights, found.rank)
