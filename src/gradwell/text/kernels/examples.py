"""Lines to examples: which input rows are averaged, and which output rows should answer yes or no.

An example is what one step learns from: the rows to average, and either the labels (softmax, one-vs-all) or a list
of logistic decisions (a path through the Huffman tree, or the target among drawn negatives).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradwell.text.kernels.numeric import below, fetch, kernel, mix

DENSE, TREE, NEGATIVE = 0, 1, 2
AHEAD = 3  # lines that the memory is asked for before they are needed
NEAR = 512  # bytes of each; what comes after is read in a row
SHARED = 3  # times as many negatives as one word needs, for a window; fewer are faster, and measurably worse


class Text(NamedTuple):
    """The packed text: line i is words[word_ptr[i]:word_ptr[i + 1]], and likewise its n-grams and labels."""

    words: np.ndarray
    word_ptr: np.ndarray
    sub: np.ndarray  # the rows of word kind k: sub[sub_ptr[k]:sub_ptr[k + 1]]
    sub_ptr: np.ndarray
    grams: np.ndarray
    gram_ptr: np.ndarray
    labels: np.ndarray
    label_ptr: np.ndarray
    weights: np.ndarray  # of each line, or empty
    keep: np.ndarray  # chance that subsampling keeps a word, or empty


class Targets(NamedTuple):
    """How a target becomes decisions about output rows."""

    kind: np.int64  # DENSE, TREE or NEGATIVE
    path: np.ndarray  # TREE: rows from leaf to root ...
    code: np.ndarray  # ... and the answer at each
    path_ptr: np.ndarray
    chance: np.ndarray  # NEGATIVE: alias table over the rows
    alias: np.ndarray
    negatives: np.int64
    class_weight: np.ndarray  # of each label, or empty


class Examples(NamedTuple):
    """Examples laid end to end; `n` in counts[0]."""

    rows: np.ndarray
    row_ptr: np.ndarray
    decisions: np.ndarray  # DENSE: labels; else output rows
    answers: np.ndarray  # of each decision: 1 or 0
    strengths: np.ndarray  # of each decision: how much it counts
    decision_ptr: np.ndarray
    weights: np.ndarray


@kernel
def draw(targets, bits):
    """A row drawn in proportion to the square root of its count (alias method: Walker 1977)."""
    i = below(bits, targets.chance.shape[0])
    return i if np.float32((bits & np.uint64(0xFFFFFF)) * np.float32(5.9604645e-08)) < targets.chance[i] else targets.alias[i]


@kernel
def put(out, d, row, answer, strength):
    """Append a decision; return their new number."""
    out.decisions[d], out.answers[d], out.strengths[d] = row, answer, strength
    return d + 1


@kernel
def affirm(targets, target, out, d):
    """Append the decisions that say yes to a target: itself, or its path through the tree; return their new number."""
    if targets.kind != TREE:
        return put(out, d, target, 1, np.float32(1))
    for i in range(targets.path_ptr[target], targets.path_ptr[target + 1]):
        d = put(out, d, targets.path[i], targets.code[i], np.float32(1))
    return d


@kernel
def deny(targets, first, number, strength, bits, out, d):
    """Append so many negatives, drawn apart from the targets out.decisions[first:d]; return the new number.

    fastText draws again where a negative is a target; with many rows that is the same, with one row it never ends.
    """
    last = d
    for _ in range(number):
        bits = mix(bits)
        row = draw(targets, bits)
        free = True
        for i in range(first, last):
            free = free and out.decisions[i] != row
        if free:
            d = put(out, d, row, 0, strength)
    return d


@kernel
def add_word(text, word, rows, n):
    """Append a word's rows; return the new number."""
    for s in range(text.sub_ptr[word], text.sub_ptr[word + 1]):
        rows[n] = text.sub[s]
        n += 1
    return n


@kernel
def call_lines(text, order, at, stop):
    """Ask the memory for lines that come soon: for where they lie, for their words and n-grams, for where those' rows lie, for the rows."""
    if at + 4 * AHEAD < stop:
        line = order[at + 4 * AHEAD]
        fetch(text.word_ptr, line, 0)
        fetch(text.gram_ptr, line, 0)
        fetch(text.label_ptr, line, 0)
    if at + 3 * AHEAD < stop:
        line = order[at + 3 * AHEAD]
        fetch(text.labels, text.label_ptr[line], 0)
        for byte in range(0, min(NEAR, 4 * (text.word_ptr[line + 1] - text.word_ptr[line])), 64):
            fetch(text.words, text.word_ptr[line], byte)
        for byte in range(0, min(NEAR, 4 * (text.gram_ptr[line + 1] - text.gram_ptr[line])), 64):
            fetch(text.grams, text.gram_ptr[line], byte)
    if at + 2 * AHEAD < stop:
        line = order[at + 2 * AHEAD]
        for w in range(text.word_ptr[line], min(text.word_ptr[line + 1], text.word_ptr[line] + NEAR // 4)):
            fetch(text.sub_ptr, text.words[w], 0)
    if at + AHEAD < stop:
        line = order[at + AHEAD]
        for w in range(text.word_ptr[line], min(text.word_ptr[line + 1], text.word_ptr[line] + NEAR // 4)):
            fetch(text.sub, text.sub_ptr[text.words[w]], 0)


@kernel
def supervised(text, order, start, stop, targets, every_label, seed, out):
    """One example a line: all its words and n-grams against one of its labels drawn by lot, or against all."""
    n = d = e = 0
    for at in range(start, stop):
        line = order[at]
        call_lines(text, order, at, stop)
        first, last = text.label_ptr[line], text.label_ptr[line + 1]
        for w in range(text.word_ptr[line], text.word_ptr[line + 1]):
            n = add_word(text, text.words[w], out.rows, n)
        for g in range(text.gram_ptr[line], text.gram_ptr[line + 1]):
            out.rows[n] = text.grams[g]
            n += 1
        weight = text.weights[line] if text.weights.shape[0] else np.float32(1)
        if every_label:
            for i in range(first, last):
                d = affirm(targets, text.labels[i], out, d)
        else:
            bits = mix(seed ^ mix(np.uint64(line)))
            label = text.labels[first + below(bits, last - first)]
            before = d
            d = affirm(targets, label, out, d)
            if targets.kind == NEGATIVE:
                d = deny(targets, before, targets.negatives, np.float32(1), bits, out, d)
            if targets.class_weight.shape[0]:
                weight *= targets.class_weight[label]
        out.weights[e] = weight
        e += 1
        out.row_ptr[e] = n
        out.decision_ptr[e] = d
    return e


@kernel
def kept(text, line, seed, words):
    """The words of a line that subsampling leaves; returns their number."""
    n = 0
    for w in range(text.word_ptr[line], text.word_ptr[line + 1]):
        word = text.words[w]
        if text.keep[word] >= np.float32(1) or chance(mix(seed ^ np.uint64(w))) <= text.keep[word]:
            words[n] = word
            n += 1
    return n


@kernel
def chance(bits):
    """A number from 0 to 1 out of random bits."""
    return np.float32(bits >> np.uint64(40)) * np.float32(5.9604645e-08)


@kernel
def skipgram(text, order, start, stop, targets, window, seed, out, words):
    """One example a word: its rows against each word around it.

    All words of a window share their negatives, which then count more (as in Ji et al. 2016, pWord2Vec): SHARED times
    as many are drawn as for one word.
    """
    n = d = e = 0
    for at in range(start, stop):
        line = order[at]
        size = kept(text, line, seed, words)
        for i in range(size):
            bits = mix(seed ^ mix(np.uint64(text.word_ptr[line] + i)))
            reach = 1 + below(bits, window)
            n = add_word(text, words[i], out.rows, n)
            before, around = d, 0
            for j in range(max(0, i - reach), min(size, i + reach + 1)):
                if j != i:
                    d = affirm(targets, words[j], out, d)
                    around += 1
            if targets.kind == NEGATIVE:
                number = min(SHARED, around) * targets.negatives
                d = deny(targets, before, number, np.float32(around * targets.negatives) / np.float32(max(number, 1)), mix(bits), out, d)
            out.weights[e] = np.float32(1)
            e += 1
            out.row_ptr[e] = n
            out.decision_ptr[e] = d
    return e


@kernel
def cbow(text, order, start, stop, targets, window, seed, out, words):
    """One example a word: the rows of the words around it against the word."""
    n = d = e = 0
    for at in range(start, stop):
        line = order[at]
        size = kept(text, line, seed, words)
        for i in range(size):
            bits = mix(seed ^ mix(np.uint64(text.word_ptr[line] + i)))
            reach = 1 + below(bits, window)
            before = n
            for j in range(max(0, i - reach), min(size, i + reach + 1)):
                if j != i:
                    n = add_word(text, words[j], out.rows, n)
            if n == before:
                continue
            before = d
            d = affirm(targets, words[i], out, d)
            if targets.kind == NEGATIVE:
                d = deny(targets, before, targets.negatives, np.float32(1), mix(bits), out, d)
            out.weights[e] = np.float32(1)
            e += 1
            out.row_ptr[e] = n
            out.decision_ptr[e] = d
    return e
