"""Which words and n-grams carried a classifier's decision: exact, as the model is linear in them.

h = 1/n * sum over the n rows r of x_r          score_k = w_k . h = sum over r of (w_k . x_r) / n

With hierarchical softmax a label's score is the sum of those of its decisions, each with the sign that leads to the label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradwell.errors import DataError
from gradwell.text import hashing
from gradwell.text.dictionary import DROPPED, Floats
from gradwell.text.model import Model
from gradwell.text.quantized import rows_of


@dataclass(frozen=True)
class Contributions:
    """Of a text: its labels, the best first, with probabilities and scores, and what each part adds to each score.

    parts: words, n-grams of words and n-grams of characters, in their order. added: (parts, labels); it sums to the scores.
    """

    labels: list[str]
    probabilities: list[float]
    scores: list[float]
    parts: list[str]
    kinds: list[str]  # "word", "words" (an n-gram of them) or "characters" (of the word before)
    added: npt.NDArray[np.float64]


def contributions(model: Model, text: str, k: int = 5) -> Contributions:
    """What each word and n-gram of a text adds to the scores of its k best labels.

    Raises DataError when the model is no classifier.
    """
    if not model.supervised:
        raise DataError("word vectors have no labels; what carried a decision can be asked of a classifier")
    line = " ".join(text.split())
    data = line.encode("utf-8", "replace") + b"\n"
    ids, probabilities = (column[0] for column in model.predict([line], k))
    best = [int(i) for i in ids if i >= 0]
    found = list(parts(model, data))
    directions = np.stack([direction(model, label) for label in best]) if best else np.zeros((0, model.output.shape[1]), np.float32)
    rows = rows_of(model.input, np.array([row for _, _, row in found], np.int64)) if found else np.zeros((0, directions.shape[1]))
    added = rows.astype(np.float64) @ directions.T.astype(np.float64) / max(1, len(found))
    return Contributions(
        [model.labels[i] for i in best], [float(p) for p in probabilities[: len(best)]], [float(score) for score in added.sum(0)],
        [name for name, _, _ in found], [kind for _, kind, _ in found], added,
    )


def parts(model: Model, data: bytes) -> Iterator[tuple[str, str, int]]:
    """Every part of a line that has a row: its text, its kind, its row; the same rows as the model itself takes."""
    dictionary, options = model.dictionary, model.options
    words = []
    for token in hashing.tokens(data):
        i = dictionary.index.get(token, -1)
        if i >= dictionary.nwords or (i < 0 and token.startswith(options.label.encode())):
            continue
        words.append(token)
        if options.maxn > 0:
            for part, row in dictionary.subwords(token, options):
                yield read(part), "word" if part == token and row == i else "characters", row
        elif i >= 0:
            yield read(token), "word", i
        if token == hashing.EOS:
            break
    if options.wordNgrams > 1:
        named = (words[i : j + 1] for i in range(len(words)) for j in range(i + 1, min(len(words), i + options.wordNgrams)))
        for ngram, h in zip(named, hashing.word_ngrams([hashing.fnv(word) for word in words], options.wordNgrams), strict=True):
            if (row := dictionary.row(h % options.bucket)) != DROPPED:
                yield " ".join(map(read, ngram)), "words", row


def read(part: bytes) -> str:
    """A part as text."""
    return part.decode("utf-8", "replace")


def direction(model: Model, label: int) -> Floats:
    """What a hidden vector is multiplied with to give a label's score."""
    if model.tree is None:
        row: Floats = np.asarray(model.output[label])
        return row
    rows, answers, first = model.tree.paths()
    path = slice(first[label], first[label + 1])
    signs = np.where(answers[path] == 1, np.float32(1), np.float32(-1))
    summed: Floats = (signs[:, None] * np.asarray(model.output)[rows[path]]).sum(0, dtype=np.float32)
    return summed
