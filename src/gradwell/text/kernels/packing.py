"""Numbered tokens to what training reads: per line its words, word n-grams and labels, all as rows of the matrices."""

from __future__ import annotations

import numpy as np

from gradwell.text.kernels.numeric import fetch, kernel
from gradwell.text.kernels.reading import character_ngrams, word_ngram


@kernel
def split_lines(tokens, line_ptr, label_of, words, word_ptr, labels, label_ptr):
    """Part each line's tokens into words and labels. label_of: -2 for a word, -1 for a label that is not kept."""
    w = found = 0
    for line in range(line_ptr.shape[0] - 1):
        for t in range(line_ptr[line], line_ptr[line + 1]):
            label = label_of[tokens[t]]
            if label == -2:
                words[w] = tokens[t]
                w += 1
            elif label >= 0:
                labels[found] = label
                found += 1
        word_ptr[line + 1] = w
        label_ptr[line + 1] = found
    return w, found


@kernel
def gather(data, starts, kinds, blob_starts, blob):
    """Copy the bytes of some kinds of token, one after the other; kind 0 is `</s>`."""
    eos = np.array([60, 47, 115, 62], np.uint8)
    for i in range(kinds.shape[0]):
        for j in range(blob_starts[i + 1] - blob_starts[i]):
            blob[blob_starts[i] + j] = eos[j] if kinds[i] == 0 else data[starts[kinds[i]] + j]


@kernel
def known_words(tokens, line_ptr, word_of, longest, words, word_ptr):
    """Keep the words of the vocabulary; a line ends after `longest` of them. Returns the number of words and lines."""
    w = lines = 0
    for line in range(line_ptr.shape[0] - 1):
        for t in range(line_ptr[line], line_ptr[line + 1]):
            word = word_of[tokens[t]]
            if word >= 0:
                words[w] = word
                w += 1
                if w - word_ptr[lines] > longest:
                    lines += 1
                    word_ptr[lines] = w
        if w > word_ptr[lines]:
            lines += 1
            word_ptr[lines] = w
    return w, lines


@kernel
def count_subwords(data, starts, lengths, word_of, minn, maxn, counts):
    """How many rows each kind of token has: its own, if it is in the vocabulary, and its character n-grams'."""
    nothing = np.empty(0, np.int32)
    for kind in range(starts.shape[0]):
        counts[kind] = 1 if word_of[kind] >= 0 else 0
        if maxn > 0 and lengths[kind] >= 0:
            counts[kind] += character_ngrams(data, starts[kind], lengths[kind], minn, maxn, 1, nothing, 0)


@kernel
def to_rows(buckets, first, last, n, rows_of_bucket, next_row, fixed):
    """Replace buckets[first:last] by their rows, which go to n and on; returns where they end, and the next free row.

    A bucket met for the first time gets the next free row, or none if all are `fixed`.
    """
    for i in range(first, last):
        b = buckets[i]
        if rows_of_bucket[b] < 0 and not fixed:
            rows_of_bucket[b] = next_row
            next_row += 1
        if rows_of_bucket[b] >= 0:
            buckets[n] = rows_of_bucket[b]
            n += 1
    return n, next_row


@kernel
def fill_subwords(data, starts, lengths, word_of, minn, maxn, bucket, rows_of_bucket, next_row, fixed, sub_ptr, sub):
    """Write the rows of each kind of token.

    sub_ptr comes with room for every n-gram and leaves without those that have no row.
    """
    n = 0
    for kind in range(starts.shape[0]):
        sub_ptr[kind] = n
        if word_of[kind] >= 0:
            sub[n] = word_of[kind]
            n += 1
        if maxn > 0 and lengths[kind] >= 0:
            stop = character_ngrams(data, starts[kind], lengths[kind], minn, maxn, bucket, sub, n)
            n, next_row = to_rows(sub, n, stop, n, rows_of_bucket, next_row, fixed)
    sub_ptr[starts.shape[0]] = n
    return next_row


@kernel
def fill_word_ngrams(words, word_ptr, hashes, longest, bucket, rows_of_bucket, next_row, fixed, grams, gram_ptr):
    """Write the rows of each line's word n-grams of 2 to `longest` words."""
    n = 0
    for line in range(word_ptr.shape[0] - 1):
        stop, first, last = word_ptr[line + 1], n, n
        for i in range(word_ptr[line], stop):
            h = np.uint64(np.int64(np.int32(hashes[words[i]])))
            for j in range(i + 1, min(stop, i + longest)):
                h = word_ngram(h, hashes[words[j]])
                grams[last] = np.int64(h % np.uint64(bucket))
                fetch(rows_of_bucket, grams[last], 0)
                last += 1
        n, next_row = to_rows(grams, first, last, n, rows_of_bucket, next_row, fixed)  # by now the memory has brought what was asked for
        gram_ptr[line + 1] = n
    return next_row


@kernel
def line_sizes(words, word_ptr, sub_ptr, gram_ptr, sizes):
    """How many rows each line adds up."""
    for line in range(word_ptr.shape[0] - 1):
        n = gram_ptr[line + 1] - gram_ptr[line]
        for w in range(word_ptr[line], word_ptr[line + 1]):
            n += sub_ptr[words[w] + 1] - sub_ptr[words[w]]
        sizes[line] = n
