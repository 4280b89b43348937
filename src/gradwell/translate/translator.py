"""A trained translator: sentences in, translations out, with what each word looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch

from gradwell.errors import DataError
from gradwell.translate import files
from gradwell.translate.beam import beam_search
from gradwell.translate.forced import forced
from gradwell.translate.greedy import greedy
from gradwell.translate.hypothesis import Hypothesis
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.options import NONE, Options
from gradwell.translate.pairs import clean
from gradwell.translate.ranking import Beam
from gradwell.translate.translation import AT_ONCE, BaseTranslator, Search, Translation
from gradwell.translate.vocabulary import Vocabulary


class Translator(BaseTranslator):
    """Translates, scores and shows; `load` gives one, `train` makes one."""

    one = torch.ones(1, 1)

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
        """What a search finds for all sentences, without dropout."""
        self.model.eval()
        return super().searched(sentences, search, at_once)
