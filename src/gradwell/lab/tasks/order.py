"""Texts whose class lies in the order of their words alone: any two classes have the same words, equally often."""

from __future__ import annotations

import random
from collections.abc import Sequence

FIRST, SECOND = "hare", "hedgehog"
EDGE = 3  # words before the two and after them at the least, so that no n-gram of up to four tells where the text begins or ends


def ordered(count: int, fillers: int, gap: int, kinds: int, generator: random.Random) -> list[tuple[str, str]]:
    """(label, text): which of two words comes first, with `gap` words between them among other words that mean nothing.

    fillers: words a text without the two, at least `gap` + 6. kinds: different words among them.
    """
    found = []
    for _ in range(count):
        pair = generator.sample((FIRST, SECOND), 2)
        others = [f"w{generator.randrange(kinds)}" for _ in range(fillers)]
        place = generator.randint(EDGE, fillers - gap - EDGE)
        words = [*others[:place], pair[0], *others[place : place + gap], pair[1], *others[place + gap :]]
        found.append((pair[0], " ".join(words)))
    return found


def shuffled(texts: Sequence[tuple[str, str]], generator: random.Random) -> list[tuple[str, str]]:
    """The same texts, the words of each in any order."""
    return [(label, " ".join(generator.sample(words := text.split(), len(words)))) for label, text in texts]
