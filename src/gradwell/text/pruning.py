"""Which rows of a model are worth keeping, and the model that has only those.

A row is worth as much as its vector is long: a short one moves no prediction. Source: Joulin et al. 2016 (FastText.zip);
fastText's fasttext.cc (selectEmbeddings) and dictionary.cc (prune).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradwell.text.dictionary import DROPPED, Dictionary, Floats, Ints, Longs
from gradwell.text.hashing import EOS
from gradwell.text.model import Model
from gradwell.text.quantized import CENTROIDS, Quantized

ENTRY = 10  # bytes of a file that a word takes beside its letters: a zero, its count, whether it is a label
ROWS_AT_ONCE = 65_536
PAIR = 8  # bytes that an n-gram's bucket and row take


@dataclass(frozen=True)
class Used:
    """The rows that hold something: those of the words, then those of the buckets that a text has touched."""

    buckets: Longs
    rows: Longs  # in the input matrix: of each word, then of each of `buckets`
    nwords: int

    @classmethod
    def of(cls, model: Model) -> Used:
        """The rows of a model that is not quantised; a bucket whose row is all zeros was never touched."""
        assert not isinstance(model.input, Quantized)
        dictionary, nwords = model.dictionary, model.dictionary.nwords
        rows = dictionary.rows_of_bucket
        buckets = dictionary.used_buckets if rows is not None else np.flatnonzero(model.input[nwords:].any(axis=1))
        own = rows[buckets].astype(np.int64) if rows is not None else nwords + buckets
        return cls(buckets, np.concatenate([np.arange(nwords), own]), nwords)

    def by_length(self, model: Model) -> Longs:
        """Places in `rows`: `</s>` first, then from the longest vector to the shortest."""
        assert not isinstance(model.input, Quantized)
        parts = np.array_split(self.rows, 1 + len(self.rows) // ROWS_AT_ONCE)
        lengths = np.concatenate([np.linalg.norm(model.input[part], axis=1) for part in parts])
        eos = model.dictionary.index.get(EOS, -1)
        if 0 <= eos < self.nwords:
            lengths[eos] = np.inf
        return np.argsort(-lengths, kind="stable")


def cut(model: Model, used: Used, kept: Longs) -> tuple[Dictionary, Floats]:
    """The dictionary and the input matrix of these places in `used.rows` alone: words by their ids, then n-grams as they come."""
    assert not isinstance(model.input, Quantized)
    dictionary = model.dictionary
    words, ngrams = np.sort(kept[kept < used.nwords]), kept[kept >= used.nwords]
    entries = [*words.tolist(), *range(dictionary.nwords, dictionary.size)]
    rows_of_bucket: Ints = np.full(model.options.bucket, DROPPED, np.int32)
    rows_of_bucket[used.buckets[ngrams - used.nwords]] = len(words) + np.arange(len(ngrams))
    pruned = Dictionary.of(
        [dictionary.entries[i] for i in entries], dictionary.counts[entries], len(words), dictionary.ntokens,
        rows_of_bucket=rows_of_bucket, pruned=True,
    )
    return pruned, np.array(model.input[used.rows[np.concatenate([words, ngrams])], : model.options.dim], np.float32)


def cutoff_for(model: Model, size: int, dsub: int, qnorm: bool, qout: bool) -> int:
    """How many rows a quantised model may keep so that its file is no larger than `size` bytes (may be negative)."""
    used, dictionary, dim = Used.of(model), model.dictionary, model.options.dim
    lengths = np.diff(dictionary.starts)
    of_row = np.full(len(used.rows), PAIR, np.int64)
    of_row[: used.nwords] = lengths[: used.nwords] + ENTRY
    total = np.cumsum(of_row[used.by_length(model)] + row_bytes(dim, dsub, qnorm))
    return int(np.searchsorted(total, size - other_bytes(lengths[dictionary.nwords :], dim, qnorm, qout), "right"))


def row_bytes(dim: int, dsub: int, qnorm: bool) -> int:
    """Bytes of the codes of a row."""
    return -(-dim // dsub) + qnorm


def other_bytes(labels: Longs, dim: int, qnorm: bool, qout: bool) -> int:
    """Bytes of a file that do not depend on how many rows it keeps; labels: the length of each."""
    centroids = 16 + 4 * CENTROIDS * dim + (qnorm and 16 + 4 * CENTROIDS)
    output = 21 + len(labels) * row_bytes(dim, 2, qnorm) + centroids if qout else 16 + 4 * len(labels) * dim
    return 64 + 28 + int(labels.sum()) + ENTRY * len(labels) + 2 + 21 + centroids + output
