"""The words and labels of a model: their numbers, their counts, and the rows of their n-grams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.text import hashing
from gradwell.text.options import Options

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
FIELDS = ("blob", "starts", "counts", "nwords", "ntokens", "rows_of_bucket", "pruned", "zero_row")
DROPPED = -1  # in `rows_of_bucket`: n-grams of this bucket were pruned away


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The words, then the labels, each group from the most to the least frequent; entry i is blob[starts[i]:starts[i + 1]]."""

    blob: Bytes
    starts: Longs
    counts: Longs
    nwords: int
    ntokens: int
    rows_of_bucket: Ints | None = None  # the row that a bucket's n-grams use; None: row nwords + bucket, as in fastText's files
    pruned: bool = False  # then a bucket without a row is left out of every mean
    zero_row: int = -1  # the row of zeros that all buckets share which no text has touched
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, entries: list[bytes], counts: Longs, nwords: int, ntokens: int, **more: Any) -> Dictionary:
        """A dictionary of these entries, the first `nwords` of which are words."""
        starts = np.zeros(len(entries) + 1, np.int64)
        np.cumsum([len(entry) for entry in entries], out=starts[1:])
        return cls(np.frombuffer(b"".join(entries), np.uint8), starts, np.asarray(counts, np.int64), nwords, ntokens, **more)

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in FIELDS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _cache={})

    @property
    def size(self) -> int:
        """Words and labels together."""
        return len(self.counts)

    @property
    def nlabels(self) -> int:
        """Labels."""
        return self.size - self.nwords

    def entry(self, i: int) -> bytes:
        """Word or label i (labels come after the words)."""
        return self.blob[self.starts[i] : self.starts[i + 1]].tobytes()

    @cached_property
    def entries(self) -> list[bytes]:
        """All words and labels."""
        text, ends = self.blob.tobytes(), self.starts.tolist()
        return [text[a:b] for a, b in pairwise(ends)]

    @cached_property
    def index(self) -> dict[bytes, int]:
        """The number of each word and label."""
        return {entry: i for i, entry in enumerate(self.entries)}

    @cached_property
    def hashes(self) -> npt.NDArray[np.uint32]:
        """The hash of each entry."""
        from gradwell.text.kernels import reading

        hashes = np.empty(self.size, np.uint32)
        reading.hash_words(self.blob, self.starts, hashes)
        return hashes

    @cached_property
    def table(self) -> Ints:
        """The entries by their hash, for the kernels."""
        from gradwell.text.kernels import reading

        table = np.full(table_size(self.size), -1, np.int32)
        reading.fill_table(table, self.hashes, 0, self.size)
        return table

    @property
    def used_buckets(self) -> Longs:
        """The buckets that have a row of their own."""
        rows = self.rows_of_bucket
        return np.empty(0, np.int64) if rows is None else np.flatnonzero((rows >= 0) & (rows != self.zero_row))

    def row(self, bucket: int) -> int:
        """The row that a bucket's n-grams use, or DROPPED."""
        return self.nwords + bucket if self.rows_of_bucket is None else int(self.rows_of_bucket[bucket])

    def subwords(self, word: bytes, options: Options) -> Iterator[tuple[bytes, int]]:
        """The word itself, if it is known, and its character n-grams, each with its row; pruned ones are left out."""
        i = self.index.get(word, -1)
        if 0 <= i < self.nwords:
            yield word, i
        if word != hashing.EOS and options.maxn > 0:
            for ngram in hashing.character_ngrams(word, options.minn, options.maxn):
                row = self.row(hashing.fnv(ngram) % options.bucket)
                if row != DROPPED:
                    yield ngram, row

    def line(self, text: bytes, options: Options, prefix: bytes) -> tuple[list[int], list[int], list[bytes]]:
        """The rows, the labels and the words of a line, which ends at its first `</s>`."""
        rows: list[int] = []
        labels: list[int] = []
        words: list[bytes] = []
        for token in hashing.tokens(text):
            i = self.index.get(token, -1)
            if i >= self.nwords or (i < 0 and token.startswith(prefix)):
                if i >= 0:
                    labels.append(i - self.nwords)
            else:
                words.append(token)
                if options.maxn > 0:
                    rows.extend(row for _, row in self.subwords(token, options))
                elif i >= 0:
                    rows.append(i)
            if token == hashing.EOS:
                break
        if options.wordNgrams > 1:
            for h in hashing.word_ngrams([hashing.fnv(word) for word in words], options.wordNgrams):
                row = self.row(h % options.bucket)
                if row != DROPPED:
                    rows.append(row)
        return rows, labels, words


def table_size(entries: int) -> int:
    """A power of two that leaves half of the table free."""
    return 1 << max(4, (2 * entries).bit_length())
