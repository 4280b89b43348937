"""A text read once: every token numbered, every n-gram given its row, packed into arrays that training runs over."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.text.dictionary import Bytes, Dictionary, Ints, Longs, table_size
from gradwell.text.kernels import packing, reading
from gradwell.text.kernels.examples import Text
from gradwell.text.options import Options

LONGEST_LINE = 1024  # words of a line that word vectors learn from at once (dictionary.h: MAX_LINE_SIZE)
TOKENS_AT_ONCE = 1 << 22
IN_MEMORY = 1 << 30  # bytes of packed text; a larger one lies in a file that is mapped into memory
WORD, UNKEPT = -2, -1
Reading = Callable[[float], None]
Labels = tuple[Ints, Longs]  # labels, and where each line's begin


@dataclass(frozen=True)
class Corpus:
    """What training needs to know of a text."""

    dictionary: Dictionary
    text: Text
    lines: Longs  # the lines that can be learned from
    rows: int  # rows of the input matrix that this text touches, the row of zeros left out
    target_counts: Longs  # how often each output occurs: labels, or words
    source_lines: int  # lines in the source, those that cannot be learned from included

    @property
    def tokens(self) -> int:
        """Words that one epoch learns from."""
        return int(self.text.word_ptr[-1])


@dataclass(frozen=True)
class Scan:
    """The tokens of a text by number, and the kinds of token there are; kind 0 is `</s>`."""

    data: Bytes
    tokens: Ints
    line_ptr: Longs
    hashes: npt.NDArray[np.uint32]
    starts: Longs
    lengths: Ints
    counts: Longs

    def word(self, kind: int) -> bytes:
        """The bytes of a kind of token."""
        start = self.starts[kind]
        return b"</s>" if kind == 0 else self.data[start : start + self.lengths[kind]].tobytes()


def scan(data: Bytes, progress: Reading = lambda _: None) -> Scan:
    """Number the tokens of a text."""
    room = 1 << 16
    kinds, at = 1, 0
    hashes, lengths = np.zeros(room, np.uint32), np.zeros(room, np.int32)
    starts, counts = np.zeros(room, np.int64), np.zeros(room, np.int64)
    hashes[0], lengths[0] = 3617362777, -1  # `</s>`
    table = np.full(table_size(room), -1, np.int32)
    buffer = np.empty(min(TOKENS_AT_ONCE, len(data) + 1), np.int32)
    parts: list[Ints] = []
    store = Store(4 * (len(data) // 4))  # about four bytes a token
    while at < len(data):
        at, n, kinds = reading.scan(data, at, buffer, table, hashes, starts, lengths, counts, kinds)
        parts.append(store.keep(buffer[:n]))
        if kinds == room:
            room *= 2
            hashes, starts = np.resize(hashes, room), np.resize(starts, room)
            lengths, counts = np.resize(lengths, room), np.resize(counts, room)
            table = np.full(table_size(room), -1, np.int32)
            reading.fill_table(table, hashes, 1, kinds)
        progress(at / len(data))
    tokens = parts[0] if len(parts) == 1 else store.joined(parts)
    ends = np.flatnonzero(tokens == reading.EOS) + 1
    if len(tokens) and (not len(ends) or ends[-1] != len(tokens)):
        ends = np.append(ends, len(tokens))
    line_ptr = np.concatenate([[0], ends]).astype(np.int64)
    return Scan(data, tokens, line_ptr, hashes[:kinds].copy(), starts[:kinds].copy(), lengths[:kinds].copy(), counts[:kinds].copy())


class Store:
    """Room for packed arrays: memory, or for a large text a file without a name that is mapped into memory."""

    def __init__(self, expected: int) -> None:
        self.large = expected > IN_MEMORY

    def empty(self, n: int, kind: type = np.int32) -> npt.NDArray[Any]:
        """An array of n numbers."""
        if not self.large or n == 0:
            return np.empty(n, kind)
        with tempfile.NamedTemporaryFile(prefix="gradwell-", suffix=".cache") as file:  # the mapping outlives the name
            return np.memmap(file, kind, "w+", shape=(n,))

    def keep(self, part: Ints) -> Ints:
        """A copy of a part."""
        kept = self.empty(len(part))
        kept[:] = part
        return kept

    def joined(self, parts: list[Ints]) -> Ints:
        """The parts in one array; the parts themselves are let go of on the way."""
        whole = self.empty(sum(len(part) for part in parts))
        n = 0
        while parts:
            part = parts.pop(0)
            whole[n : n + len(part)] = part
            n += len(part)
        return whole


def vocabulary(found: Scan, options: Options) -> Dictionary:
    """The words and labels that are frequent enough, each group from the most to the least frequent, ties as they came."""
    is_label = labels_among(found, options)
    enough = found.counts >= np.where(is_label, max(options.minCountLabel, 1), max(options.minCount, 1))
    kinds = np.flatnonzero(enough)
    kinds = kinds[np.lexsort((kinds, -found.counts[kinds], is_label[kinds]))]
    lengths = np.where(kinds == 0, 4, found.lengths[kinds]).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    blob = np.empty(starts[-1], np.uint8)
    packing.gather(found.data, found.starts, kinds, starts, blob)
    return Dictionary(blob, starts, found.counts[kinds], int((~is_label[kinds]).sum()), int(found.counts.sum()))


def labels_among(found: Scan, options: Options) -> npt.NDArray[np.bool_]:
    """Which kinds of token are labels."""
    is_label = np.zeros(len(found.counts), np.bool_)
    reading.label_kinds(found.data, found.starts, found.lengths, np.frombuffer(options.label.encode(), np.uint8), is_label)
    return is_label


def numbers(found: Scan, dictionary: Dictionary, options: Options) -> tuple[Ints, Ints]:
    """Of each kind of token its word, or -1, and its label, or WORD or UNKEPT."""
    ids = np.empty(len(found.counts), np.int32)
    reading.find_all(
        found.data, found.starts, found.lengths, found.hashes, dictionary.table, dictionary.hashes, dictionary.blob, dictionary.starts, ids
    )
    is_word = (ids >= 0) & (ids < dictionary.nwords)
    word_of = np.where(is_word, ids, -1).astype(np.int32)
    unkept = np.where(labels_among(found, options) & ~is_word, UNKEPT, WORD)
    label_of = np.where(ids >= dictionary.nwords, ids - dictionary.nwords, unkept).astype(np.int32)
    return word_of, label_of


def pack(found: Scan, dictionary: Dictionary, options: Options, given: Labels | None = None, weights: Any = None) -> Corpus:
    """The text as rows: those of the dictionary's words, and for each bucket that occurs the next free row.

    With a pruned dictionary there are no new rows, and n-grams that have none are left out. `given` are the labels of
    each line where they do not stand in the text. Raises DataError when no line has both words and labels.
    """
    word_of, label_of = numbers(found, dictionary, options)
    rows_of_bucket = np.full(options.bucket, -1, np.int32) if dictionary.rows_of_bucket is None else dictionary.rows_of_bucket
    next_row = dictionary.nwords if dictionary.rows_of_bucket is None else int(max(rows_of_bucket.max(initial=-1) + 1, dictionary.nwords))
    kinds = len(found.counts)
    sub_ptr = np.zeros(kinds + 1, np.int64)
    lengths = np.where(label_of == WORD, found.lengths, np.int32(-1))  # a label's n-grams are never learned
    packing.count_subwords(found.data, found.starts, lengths, word_of, options.minn, options.maxn, sub_ptr[1:])
    np.cumsum(sub_ptr, out=sub_ptr)
    sub = np.empty(sub_ptr[-1], np.int32)
    next_row = packing.fill_subwords(
        found.data, found.starts, lengths, word_of, options.minn, options.maxn, options.bucket, rows_of_bucket, next_row,
        dictionary.pruned, sub_ptr, sub,
    )
    sub = sub[: sub_ptr[-1]]
    supervised = options.model == "supervised"
    store = Store(4 * len(found.tokens))
    lines = len(found.line_ptr) - 1
    words = store.empty(len(found.tokens))
    word_ptr, label_ptr, gram_ptr = np.zeros(lines + 1, np.int64), np.zeros(lines + 1, np.int64), np.zeros(lines + 1, np.int64)
    labels = np.empty(int(found.counts[label_of >= 0].sum()), np.int32)
    grams = np.empty(0, np.int32)
    keep = weight = np.empty(0, np.float32)
    if supervised:
        n, _ = packing.split_lines(found.tokens, found.line_ptr, label_of, words, word_ptr, labels, label_ptr)
        if given is not None:
            labels, label_ptr = given
        if options.wordNgrams > 1:
            sizes = np.diff(word_ptr)
            grams = store.empty(int(sum(np.maximum(sizes - j, 0).sum() for j in range(1, options.wordNgrams))))
            next_row = packing.fill_word_ngrams(
                words, word_ptr, found.hashes, options.wordNgrams, options.bucket, rows_of_bucket, next_row, dictionary.pruned,
                grams, gram_ptr,
            )
            grams = grams[: gram_ptr[-1]]
        sizes = np.empty(lines, np.int64)
        packing.line_sizes(words, word_ptr, sub_ptr, gram_ptr, sizes)
        useful = np.flatnonzero((sizes > 0) & (np.diff(label_ptr) > 0))
        if weights is not None:
            weight = np.ascontiguousarray(weights, np.float32)
        counts = dictionary.counts[dictionary.nwords :]
    else:
        word_ptr = np.zeros(len(found.tokens) + 1, np.int64)
        n, lines = packing.known_words(found.tokens, found.line_ptr, word_of, LONGEST_LINE, words, word_ptr)
        word_ptr = word_ptr[: lines + 1].copy()
        gram_ptr = label_ptr = np.zeros(lines + 1, np.int64)
        useful = np.arange(lines)
        share = dictionary.counts[: dictionary.nwords] / max(dictionary.ntokens, 1)
        ratio = options.t / np.maximum(share, 1e-300)
        keep = np.minimum(np.sqrt(ratio) + ratio, 2).astype(np.float32)
        sub, sub_ptr = by_word(sub, sub_ptr, word_of, dictionary.nwords)
        counts = dictionary.counts[: dictionary.nwords]
    text = Text(words[:n], word_ptr, sub, sub_ptr, grams, gram_ptr, labels, label_ptr, weight, keep)
    ready = dataclasses.replace(dictionary, rows_of_bucket=rows_of_bucket if options.bucket else None, _cache={})
    return Corpus(ready, text, useful.astype(np.int64), next_row, counts, len(found.line_ptr) - 1)


def by_word(sub: Ints, sub_ptr: Longs, word_of: Ints, nwords: int) -> tuple[Ints, Longs]:
    """The rows of each word of the vocabulary, from those of each kind of token."""
    kind_of = np.zeros(nwords, np.int64)
    known = np.flatnonzero(word_of >= 0)
    kind_of[word_of[known]] = known
    lengths = np.diff(sub_ptr)[kind_of]
    ptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    at = np.repeat(sub_ptr[kind_of] - ptr[:-1], lengths) + np.arange(ptr[-1])
    return sub[at], ptr
