"""fastText's classifier as the experiments use it: one thread, silent, all chance from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradwell.text import FastText, train_supervised

Texts = Sequence[tuple[str, str]]  # (label, text)


def trained(texts: Texts, seed: int, **options: Any) -> FastText._FastText:
    """A classifier that has learned these texts."""
    labels, words = zip(*texts, strict=True)
    return train_supervised(list(words), labels=list(labels), seed=seed, thread=1, verbose=0, **options)


def right(classifier: FastText._FastText, texts: Texts) -> float:
    """The share of texts whose most probable label is theirs; a text without an answer is wrong."""
    answers, _ = classifier.predict([words for _, words in texts])
    said = [labels[0].removeprefix("__label__") if labels else None for labels in answers]
    found: int = sum(answer == label for answer, (label, _) in zip(said, texts, strict=True))
    return found / len(texts)
