"""A trained model: a dictionary, an input matrix of word and n-gram vectors, and an output matrix of labels (or words)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.errors import DataError, OptionError
from gradwell.text import hashing, prediction
from gradwell.text.dictionary import Bytes, Dictionary, Floats, Longs
from gradwell.text.meter import Meter
from gradwell.text.options import Options
from gradwell.text.quantized import Quantized, rows_of
from gradwell.text.sources import bytes_of
from gradwell.text.tree import Tree

Matrix = Floats | Quantized


@dataclass(frozen=True)
class Epoch:
    """One pass over the text."""

    epoch: int
    loss: float  # mean of the examples
    words_per_second: float
    seconds: float
    validation: dict[str, float] | None = None  # precision, recall and f1 on the validation text
    best: bool = True  # the best so far, by f1 on the validation text


@dataclass(eq=False)
class Model:
    """What training makes and a file holds. It can be pickled, and predicts from many threads at once."""

    options: Options
    dictionary: Dictionary
    input: Matrix  # (rows, at least dim): a row for each word, then for each bucket that is used; columns beyond dim are zero
    output: Floats  # (labels or words, as many columns as the input)
    quantized_output: Quantized | None = None  # what `output` was written out from, if it was kept in few bytes
    history: list[Epoch] = field(default_factory=list)  # of each epoch, as training reported it
    tuned: dict[str, Any] | None = None  # what autotune tried, and the best of it

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("options", "dictionary", "input", "output", "quantized_output", "history", "tuned")}

    @property
    def supervised(self) -> bool:
        """Whether it is a classifier."""
        return self.options.model == "supervised"

    @property
    def labels(self) -> list[str]:
        """The labels (of word vectors: the words), in the order of their ids."""
        first = self.dictionary.nwords if self.supervised else 0
        last = self.dictionary.size if self.supervised else self.dictionary.nwords
        return [entry.decode("utf-8", "replace") for entry in self.dictionary.entries[first:last]]

    @cached_property
    def tree(self) -> Tree | None:
        """The Huffman tree of hierarchical softmax."""
        if self.options.loss != "hs":
            return None
        first = self.dictionary.nwords if self.supervised else 0
        return Tree.of(self.dictionary.counts[first : first + len(self.output)])

    @cached_property
    def work(self) -> prediction.Work:
        """How much was predicted so far: little is done in plain NumPy, more by the kernels."""
        return prediction.Work()

    def predict(
        self, texts: Any, k: int = 1, threshold: float = 0.0, labels: Iterable[str] | None = None, threads: int = 1
    ) -> tuple[npt.NDArray[np.int32], Floats]:
        """The k most probable labels of each text, as arrays (ids[n, k], probabilities[n, k]); what is missing is -1 and 0.

        texts: a path (one text a line), or texts in memory. k = -1: all labels. labels: only these may be answered.
        Raises OptionError for an impossible k or an unknown label, DataError when the model is no classifier.
        """
        data, starts = prediction.lines(bytes_of(texts, "the texts"))
        return self.predict_bytes(data, starts, k, threshold, labels, threads)

    def predict_bytes(
        self, data: Bytes, starts: Longs, k: int = 1, threshold: float = 0.0, labels: Iterable[str] | None = None, threads: int = 1
    ) -> tuple[npt.NDArray[np.int32], Floats]:
        """As `predict`, of the lines data[starts[i]:starts[i + 1]]."""
        if not self.supervised:
            raise DataError("Model needs to be supervised for prediction! This one holds word vectors")
        if k != -1 and k < 1:
            raise OptionError(f"k is {k}; it must be 1 or more, or -1 for all labels")
        allowed = np.empty(0, np.bool_) if labels is None else self.allowed(labels)
        most = len(self.output) if k == -1 else min(k, len(self.output))
        return prediction.best(self, data, starts, most, threshold, allowed, threads)

    def allowed(self, labels: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which labels are among those given."""
        allowed = np.zeros(len(self.output), np.bool_)
        for label in labels:
            i = self.label_id(label)
            if i < 0:
                known = ', '.join(self.labels[:5])
                raise OptionError(f"{label!r} is not a label of this model; it has {len(self.output)}, such as {known}")
            allowed[i] = True
        return allowed

    def label_id(self, label: str) -> int:
        """The id of a label, or -1."""
        i = self.dictionary.index.get(label.encode("utf-8", "replace"), -1)
        return i - self.dictionary.nwords if i >= self.dictionary.nwords else -1

    def test(self, source: Any, k: int = 1, threshold: float = 0.0, threads: int = 1) -> Meter:
        """Compare predictions with the labels that stand in the text; lines without a known label are left out, as in fastText."""
        data, starts = prediction.lines(bytes_of(source, "the test text"))
        sizes, gold, gold_ptr = prediction.gold(self, data, starts)
        useful = np.flatnonzero((np.diff(gold_ptr) > 0) & (sizes > 0))
        ids, values = self.predict_bytes(data, starts, k, threshold, None, threads)
        labels = [gold[gold_ptr[i] : gold_ptr[i + 1]] for i in useful]
        return Meter(ids[useful], values[useful], labels, self.labels)

    def word_vector(self, word: str | bytes) -> Floats:
        """The vector of a word, also of one never seen: the mean of its own and its character n-grams' vectors."""
        rows = [row for _, row in self.subwords(word)]
        if not rows:
            return np.zeros(self.options.dim, np.float32)
        vector: Floats = rows_of(self.input, np.array(rows))[:, : self.options.dim].mean(0, dtype=np.float32)
        return vector

    def subwords(self, word: str | bytes) -> list[tuple[bytes, int]]:
        """A word and its character n-grams, each with its row."""
        return list(self.dictionary.subwords(word.encode("utf-8", "replace") if isinstance(word, str) else word, self.options))

    def sentence_vector(self, text: str | bytes) -> Floats:
        """The vector of a line: of a classifier what it classifies by; of word vectors the mean of the words' directions."""
        data = text.encode("utf-8", "replace") if isinstance(text, str) else text
        if self.supervised:
            rows, _, _ = self.dictionary.line(data + b"\n", self.options, self.options.label.encode())
            vector = rows_of(self.input, np.array(rows))[:, : self.options.dim].mean(0, dtype=np.float32) if rows else None
        else:
            found = [self.word_vector(word) for word in data.partition(b"\n")[0].split()]
            directions = [vector / norm for vector in found if (norm := float(np.linalg.norm(vector))) > 0]
            vector = np.mean(directions, 0, dtype=np.float32) if directions else None
        return np.zeros(self.options.dim, np.float32) if vector is None else vector

    @cached_property
    def directions(self) -> Floats:
        """The vector of each word of the vocabulary, of length 1 (or 0)."""
        vectors = self.word_vectors()
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        directions: Floats = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
        return directions

    def word_vectors(self) -> Floats:
        """The vector of each word of the vocabulary."""
        nwords, dim = self.dictionary.nwords, self.options.dim
        if self.options.maxn <= 0:
            return np.ascontiguousarray(rows_of(self.input, slice(0, nwords))[:, :dim], np.float32)
        return prediction.word_vectors(self)

    def nearest(self, vector: Floats, k: int = 10, without: Sequence[str] = ()) -> list[tuple[float, str]]:
        """The k words whose vectors point most nearly the same way, with the cosine."""
        if k < 1:
            raise OptionError(f"k is {k}; it must be 1 or more")
        norm = float(np.linalg.norm(vector))
        cosines = self.directions @ (vector / (norm if norm > 1e-8 else 1)).astype(np.float32)
        for word in without:
            i = self.dictionary.index.get(word.encode("utf-8", "replace"), -1)
            if 0 <= i < len(cosines):
                cosines[i] = -np.inf
        k = min(k, int(np.isfinite(cosines).sum()))
        top = np.argpartition(-cosines, k - 1)[:k] if k else np.empty(0, np.int64)
        top = top[np.argsort(-cosines[top], kind="stable")]
        return [(float(cosines[i]), self.dictionary.entry(i).decode("utf-8", "replace")) for i in top]

    def neighbors(self, word: str, k: int = 10) -> list[tuple[float, str]]:
        """The words nearest to a word."""
        return self.nearest(self.word_vector(word), k, [word])

    def analogies(self, a: str, b: str, c: str, k: int = 10) -> list[tuple[float, str]]:
        """The words nearest to a - b + c: Berlin - Germany + France is near Paris."""
        query = np.zeros(self.options.dim, np.float32)
        for word, sign in ((a, 1), (b, -1), (c, 1)):
            vector = self.word_vector(word)
            query += sign * vector / (float(np.linalg.norm(vector)) + 1e-8)
        return self.nearest(query, k, [a, b, c])

    def full_input(self) -> Floats:
        """The input matrix as fastText's file holds it: a row for each word and each bucket."""
        nwords, dim, buckets = self.dictionary.nwords, self.options.dim, self.dictionary.rows_of_bucket
        if isinstance(self.input, Quantized):
            raise DataError("Can't get quantized Matrix")
        if buckets is None:
            return np.asarray(self.input[: nwords + self.options.bucket, :dim])
        full = np.zeros((nwords + len(buckets), dim), np.float32)
        full[:nwords] = self.input[:nwords, :dim]
        used = self.dictionary.used_buckets
        full[nwords + used] = self.input[buckets[used], :dim]
        return full

    def full_subwords(self, word: str | bytes) -> list[tuple[bytes, int]]:
        """A word and its character n-grams, each with its row in fastText's full matrix."""
        options, nwords = self.options, self.dictionary.nwords
        own = self.dictionary.rows_of_bucket is not None and not self.dictionary.pruned
        return [
            (subword, nwords + hashing.fnv(subword) % options.bucket if own and row >= nwords else row)
            for subword, row in self.subwords(word)
        ]

    def full_row(self, row: int) -> Floats:
        """A row of fastText's full matrix."""
        if self.dictionary.rows_of_bucket is not None and not self.dictionary.pruned and row >= self.dictionary.nwords:
            row = int(self.dictionary.rows_of_bucket[row - self.dictionary.nwords])
        return rows_of(self.input, np.array([row]))[0, : self.options.dim]

    def with_matrices(self, matrix: npt.NDArray[Any], output: npt.NDArray[Any]) -> Model:
        """The same model with other matrices; the input matrix is fastText's full one."""
        rows = self.dictionary.nwords + self.options.bucket
        dim = self.options.dim
        width = matrix.shape[-1]
        if matrix.shape != (rows, width) or output.shape != (len(self.output), width):
            must = f"{(rows, dim)} and {(len(self.output), dim)}, or both another number of columns"
            raise OptionError(f"the matrices have the shapes {matrix.shape} and {output.shape}; they must have {must}")
        words = dataclasses.replace(self.dictionary, rows_of_bucket=None, zero_row=-1, _cache={})
        options = self.options.with_(dim=width)
        return Model(options, words, np.array(matrix, np.float32), np.array(output, np.float32), None, self.history)

    def subword_id(self, subword: str) -> int:
        """The row of fastText's full matrix that a character n-gram hashes to."""
        if not self.options.bucket:
            return -1
        return self.dictionary.nwords + hashing.fnv(subword.encode("utf-8", "replace")) % self.options.bucket

