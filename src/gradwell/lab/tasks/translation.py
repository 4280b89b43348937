"""A made-up translation: every word has one translation, and the order of the words changes by a rule that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gradwell.errors import OptionError

ORDERS = ("same", "reversed", "kinds")


class Sentences(NamedTuple):
    """Sentences of one length with their translations, all (count, length)."""

    source: Tensor
    target: Tensor
    alignment: Tensor  # the place of the source word that each target word translates


@dataclass(frozen=True)
class Language:
    """So many words, what each is called in the other language, and the order there.

    same: as they stand. reversed: the last word first. kinds: words are of two kinds (even and odd), and all of the first kind come
    before all of the second, so that a word's place depends on all the other words, as a German verb's does.
    """

    words: int
    order: str
    lexicon: Tensor  # (words,)

    @classmethod
    def of(cls, words: int, order: str) -> Language:
        """A language whose lexicon comes from torch's random state. Raises OptionError for an order that there is not."""
        if order not in ORDERS:
            raise OptionError(f"{order!r} is no order of words; the orders are {', '.join(ORDERS)}")
        return cls(words, order, torch.randperm(words))

    def sentences(self, count: int, length: int) -> Sentences:
        """Sentences of random words."""
        source = torch.randint(self.words, (count, length))
        place = torch.arange(length).expand(count, length)
        rank = {"same": place, "reversed": -place, "kinds": source % 2 * length + place}[self.order]
        alignment = rank.argsort(dim=1)
        return Sentences(source, self.lexicon[source.gather(1, alignment)], alignment)
