"""What training starts from: nothing, pretrained vectors, or a model that goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradwell.errors import DataError, OptionError
from gradwell.text import corpus as corpora
from gradwell.text import files, training
from gradwell.text.corpus import Corpus, Labels, Scan
from gradwell.text.dictionary import DROPPED, Dictionary, Floats, Longs
from gradwell.text.model import Model
from gradwell.text.options import Options
from gradwell.text.quantized import Quantized
from gradwell.text.sources import plain
from gradwell.text.training import State

Counts = dict[bytes, int]


def dictionary(found: Scan, options: Options, start: Model | None, given: Any) -> tuple[Dictionary, Labels | None]:
    """The dictionary to train with, and the labels of each line where they are given apart from the text."""
    counted = corpora.vocabulary(found, options)
    if start is None and given is None and not options.pretrainedVectors:
        return counted, None
    words = dict(zip(counted.entries[: counted.nwords], counted.counts[: counted.nwords].tolist(), strict=True))
    labels = dict(zip(counted.entries[counted.nwords :], counted.counts[counted.nwords :].tolist(), strict=True))
    lines = None
    if given is not None:
        lines, labels = given_labels(given, len(found.line_ptr) - 1, options)
    if options.pretrainedVectors:
        extra, _ = files.load_vectors(options.pretrainedVectors, options.dim)
        for word in extra:
            words[word] = words.get(word, 0) + 1
    words, labels = sorted_by_count(words), sorted_by_count(labels)
    if start is not None:
        words, labels = extended(start, words, labels, options)
    made = Dictionary.of([*words, *labels], np.array([*words.values(), *labels.values()], np.int64), len(words), counted.ntokens)
    if start is not None:
        made = replace(made, rows_of_bucket=buckets_of(start, len(words)), _cache={})
    if lines is None:
        return made, None
    number = {label: i for i, label in enumerate(labels)}
    ptr = np.concatenate([[0], np.cumsum([sum(label in number for label in line) for line in lines])]).astype(np.int64)
    return made, (np.array([number[label] for line in lines for label in line if label in number], np.int32), ptr)


def sorted_by_count(counts: dict[bytes, int]) -> dict[bytes, int]:
    """From the most to the least frequent, ties as they came."""
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def given_labels(given: Any, lines: int, options: Options) -> tuple[list[list[bytes]], dict[bytes, int]]:
    """The labels of each line, with the prefix, and how often each occurs."""
    rows = plain(given)
    if len(rows) != lines:
        raise DataError(f"labels has {len(rows)} entries; there are {lines} lines")
    named, counts = [], dict[bytes, int]()
    for row in rows:
        several = row if isinstance(row, list | tuple | set | np.ndarray) else [row]
        line = [options.label.encode() + str(label).encode("utf-8", "replace") for label in several]
        named.append(line)
        for label in line:
            counts[label] = counts.get(label, 0) + 1
    return named, {label: n for label, n in counts.items() if n >= options.minCountLabel}


def extended(start: Model, words: Counts, labels: Counts, options: Options) -> tuple[Counts, Counts]:
    """The words and labels of a model, then those that are new; the model's own keep their places."""
    fixed = ("model", "dim", "minn", "maxn", "wordNgrams", "loss", "label")
    for name in fixed:
        if getattr(options, name) != getattr(start.options, name):
            raise OptionError(f"{name} is {getattr(options, name)!r}, but the model to go on with has {getattr(start.options, name)!r}")
    if options.bucket != start.options.bucket:
        raise OptionError(f"bucket is {options.bucket}, but the model to go on with has {start.options.bucket}")
    if isinstance(start.input, Quantized):
        raise OptionError("a quantised model cannot go on training; start from the model that it was made from")
    known = start.dictionary
    old = list(zip(known.entries, known.counts.tolist(), strict=True))
    old_words, old_labels = dict(old[: known.nwords]), dict(old[known.nwords :])
    new = [label for label in labels if label not in old_labels]
    if options.loss == "hs" and new:
        name = new[0].decode("utf-8", "replace")
        raise OptionError(f"the text has labels that the model does not know, such as {name!r}; with loss hs they cannot be added")
    fresh = {word: n for word, n in words.items() if word not in old_words and word not in old_labels}
    if options.model != "supervised" and options.loss == "hs" and fresh:
        fresh = {}  # the tree over the words stands
    return old_words | fresh, old_labels | {label: labels[label] for label in new if label not in old_words}


def buckets_of(start: Model, nwords: int) -> Any:
    """The rows of a model's buckets, moved up by the words that are new."""
    known, options = start.dictionary, start.options
    if not options.bucket:
        return None
    rows = known.rows_of_bucket
    if rows is None:
        return np.arange(options.bucket, dtype=np.int32) + np.int32(nwords)
    used = known.used_buckets
    moved = np.full(options.bucket, DROPPED, np.int32)
    moved[used] = rows[used] + (nwords - known.nwords)
    return moved


def state(corpus: Corpus, options: Options, start: Model | None) -> State:
    """The matrices to begin with."""
    begun = training.fresh(corpus, options)
    if options.pretrainedVectors:
        words, vectors = files.load_vectors(options.pretrainedVectors, options.dim)
        ids = np.array([corpus.dictionary.index.get(word, -1) for word in words], np.int64)
        known = (ids >= 0) & (ids < corpus.dictionary.nwords)
        begun.matrix[ids[known], : options.dim] = vectors[known]
    if start is not None:
        copy_rows(begun, corpus.dictionary, start)
    return begun


def copy_rows(begun: State, dictionary: Dictionary, start: Model) -> None:
    """Take over the rows of a model's words, buckets and outputs."""
    assert not isinstance(start.input, Quantized)
    known, dim = start.dictionary, start.options.dim
    begun.matrix[: known.nwords, :dim] = start.input[: known.nwords, :dim]
    if known.rows_of_bucket is None and start.options.bucket:
        begun.matrix[dictionary.nwords : dictionary.nwords + start.options.bucket, :dim] = start.input[known.nwords :, :dim]
    elif known.rows_of_bucket is not None and dictionary.rows_of_bucket is not None:
        used: Longs = known.used_buckets
        begun.matrix[dictionary.rows_of_bucket[used], :dim] = start.input[known.rows_of_bucket[used], :dim]
    outputs: Floats = start.output
    begun.output[: len(outputs), :dim] = outputs[:, :dim]
