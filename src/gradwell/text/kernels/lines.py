"""One line of bytes to its rows and labels, as quickly as memory allows.

Three passes, each of which asks the memory for what the next will need: tokens and their hashes, words and their
rows, n-grams.
"""

from __future__ import annotations

import numpy as np

from gradwell.text.kernels.numeric import fetch, kernel
from gradwell.text.kernels.reading import OFFSET, begins_with, hash_step, is_eos, is_space, same, word_ngram

NEWLINE = -1  # in place of a token's start: the `</s>` that ends a line
EOS_HASH, EOS_HEAD = np.uint32(3617362777), np.uint64(0x3E732F3C)
HEAD = 8  # bytes of a word that are compared at once; no word holds a zero, so a shorter one is its head


@kernel
def room(line_starts, first, last, dictionary):
    """Desk space for any one of the lines: starts, lengths, hashes and heads of its tokens, its rows, its labels, a word in brackets."""
    minn, maxn, longest = dictionary[6], dictionary[7], dictionary[9]
    size = 0
    for i in range(first, last):
        size = max(size, line_starts[i + 1] - line_starts[i])
    tokens = size // 2 + 2
    rows = tokens * longest
    if maxn > 0:
        rows += (size + 2 * tokens) * max(maxn - minn + 1, 0)
    return (
        np.empty(tokens, np.int64), np.empty(tokens, np.int32), np.empty(tokens, np.uint32), np.empty(tokens, np.uint64),
        np.empty(rows, np.int32), np.empty(tokens, np.int32), np.empty(size + 2, np.uint8),
    )


@kernel
def tokens_of(line, slots, starts, lengths, hashes, heads):
    """The tokens of a line, which ends after a newline or a `</s>`; returns their number."""
    mask = np.int64(slots.shape[0] - 1)
    n = length = 0
    h, head = OFFSET, np.uint64(0)
    for i in range(line.shape[0]):
        byte = line[i]
        if not is_space(byte):
            h = hash_step(h, byte)
            if length < HEAD:
                head |= np.uint64(byte) << np.uint64(8 * length)
            length += 1
            continue
        if length > 0:
            fetch(slots, np.int64(h) & mask, 0)
            starts[n], lengths[n], hashes[n], heads[n] = i - length, length, h, head
            n += 1
            if is_eos(line, i - length, length):
                return n
            length, h, head = 0, OFFSET, np.uint64(0)
        if byte == 10:
            starts[n], lengths[n], hashes[n], heads[n] = NEWLINE, 4, EOS_HASH, EOS_HEAD
            return n + 1
    if length > 0:
        starts[n], lengths[n], hashes[n], heads[n] = line.shape[0] - length, length, h, head
        n += 1
    return n


@kernel
def heads_of(blob, word_starts, out):
    """The first bytes of each word, as one number."""
    for word in range(out.shape[0]):
        at = word_starts[word]
        for i in range(min(HEAD, word_starts[word + 1] - at)):
            out[word] |= np.uint64(blob[at + i]) << np.uint64(8 * i)


@kernel
def find(slots, blob, word_starts, word_heads, data, start, length, h, head):
    """The number of a word, or -1. A slot holds the number and, in its lower half, the hash."""
    mask = np.int64(slots.shape[0] - 1)
    slot = np.int64(h) & mask
    while slots[slot] >= 0:
        entry = slots[slot]
        if np.uint32(entry) == h:
            word = entry >> 32
            if word_heads[word] == head:
                if length < HEAD:
                    return word
                at = word_starts[word]
                if word_starts[word + 1] - at == length and same(blob, at, data, start, length):
                    return word
        slot = (slot + 1) & mask
    return np.int64(-1)


@kernel
def character_rows(data, start, length, minn, maxn, bucket, first_row, rows_of_bucket, word, rows, n):
    """Append the rows of the character n-grams of `<word>`; returns the new number."""
    size = length + 2
    word[0], word[size - 1] = 60, 62
    for i in range(length):
        word[i + 1] = data[start + i]
    for i in range(size):
        if (word[i] & 0xC0) == 0x80:
            continue
        h = OFFSET
        characters = 0
        for j in range(i, size):
            h = hash_step(h, word[j])
            if j + 1 < size and (word[j + 1] & 0xC0) == 0x80:
                continue  # in the midst of a character
            characters += 1
            if characters >= minn and not (characters == 1 and (i == 0 or j == size - 1)):
                n = bucket_row(np.int64(np.uint32(h) % np.uint32(bucket)), first_row, rows_of_bucket, rows, n)
            if characters == maxn:
                break
    return n


@kernel
def bucket_row(bucket, first_row, rows_of_bucket, rows, n):
    """Append the row that a bucket's n-grams use, unless they were pruned away; returns the new number."""
    row = np.int64(rows_of_bucket[bucket]) if rows_of_bucket.shape[0] else first_row + bucket
    if row >= 0:
        rows[n] = row
        n += 1
    return n


@kernel
def line_rows(data, start, stop, dictionary, desk):
    """Write the rows and labels of a line to the desk; returns how many there are of each."""
    slots, blob, word_starts, word_heads, nwords, rows_of_bucket, minn, maxn, bucket, longest, prefix = dictionary
    starts, lengths, hashes, heads, rows, labels, letters = desk
    data = data[start:stop]
    tokens = tokens_of(data, slots, starts, lengths, hashes, heads)
    n = found = kept = 0
    for t in range(tokens):
        word = find(slots, blob, word_starts, word_heads, data, starts[t], lengths[t], hashes[t], heads[t])
        if word >= nwords:
            labels[found] = word - nwords
            found += 1
            continue
        if word < 0 and starts[t] != NEWLINE and begins_with(data, starts[t], lengths[t], prefix):
            continue  # a label that training did not know
        if word >= 0:
            rows[n] = word
            n += 1
        if maxn > 0 and starts[t] != NEWLINE and not is_eos(data, starts[t], lengths[t]):
            n = character_rows(data, starts[t], lengths[t], minn, maxn, bucket, nwords, rows_of_bucket, letters, rows, n)
        hashes[kept] = hashes[t]
        kept += 1
    if longest > 1:
        first = last = n
        for i in range(kept):
            h = np.uint64(np.int64(np.int32(hashes[i])))
            for j in range(i + 1, min(kept, i + longest)):
                h = word_ngram(h, hashes[j])
                rows[last] = np.int64(h % np.uint64(bucket))
                if rows_of_bucket.shape[0]:
                    fetch(rows_of_bucket, rows[last], 0)
                last += 1
        for i in range(first, last):
            n = bucket_row(np.int64(rows[i]), nwords, rows_of_bucket, rows, n)
    return n, found
