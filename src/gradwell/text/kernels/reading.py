"""Text to numbers: tokens, their hashes, and the table that knows each token's number.

A token ends at one of the seven bytes of `SPACES`; a newline at a token's start is itself the token `</s>`.
The hash is 32-bit FNV-1a over bytes taken as signed, as in fastText's dictionary.cc.
"""

from __future__ import annotations

import numpy as np

from gradwell.text.kernels.numeric import kernel

OFFSET = np.uint32(2166136261)
PRIME = np.uint32(16777619)
WORD_PRIME = np.uint64(116049371)
EOS = np.int32(0)  # the number of `</s>` while text is read
EMPTY = np.int32(-1)


@kernel
def is_space(byte):
    r"""Whether a byte separates tokens: space, \\t, \\n, \\v, \\f, \\r or NUL."""
    return byte <= 32 and (byte == 32 or 9 <= byte <= 13 or byte == 0)


@kernel
def hash_step(h, byte):
    """FNV-1a, with the byte's sign extended."""
    return np.uint32((h ^ np.uint32(np.int32(np.int8(byte)))) * PRIME)


@kernel
def hash_bytes(data, start, stop):
    """The 32-bit hash of data[start:stop]."""
    h = OFFSET
    for i in range(start, stop):
        h = hash_step(h, data[i])
    return h


@kernel
def same(a, a_start, b, b_start, length):
    """Whether two stretches of bytes are equal."""
    for i in range(length):  # noqa: SIM110 - Numba has no generators
        if a[np.uintp(a_start) + np.uintp(i)] != b[np.uintp(b_start) + np.uintp(i)]:
            return False
    return True


@kernel
def is_eos(data, start, length):
    """Whether these bytes are `</s>`."""
    return length == 4 and data[start] == 60 and data[start + 1] == 47 and data[start + 2] == 115 and data[start + 3] == 62


@kernel
def scan(data, at, tokens, table, hashes, starts, lengths, counts, kinds):
    """Number the tokens of data[at:] until the tokens or the kinds of token are full.

    `table` (a power of two long, more than `hashes`) finds a kind by its hash. Returns the place reached, and how
    many tokens and kinds there are.
    """
    mask = np.int64(table.shape[0] - 1)
    n, size = 0, data.shape[0]
    while at < size and n < tokens.shape[0] and kinds < hashes.shape[0]:
        byte = data[at]
        if is_space(byte):
            at += 1
            if byte == 10:
                tokens[n] = EOS
                counts[EOS] += 1
                n += 1
            continue
        start = at
        h = OFFSET
        while at < size and not is_space(data[at]):
            h = hash_step(h, data[at])
            at += 1
        length = at - start
        if is_eos(data, start, length):
            kind = EOS
        else:
            slot = np.int64(h) & mask
            while True:
                kind = table[slot]
                if kind == EMPTY:
                    kind = np.int32(kinds)
                    table[slot] = kind
                    hashes[kind], starts[kind], lengths[kind], counts[kind] = h, start, length, 0
                    kinds += 1
                    break
                if hashes[kind] == h and lengths[kind] == length and same(data, start, data, starts[kind], length):
                    break
                slot = (slot + 1) & mask
        tokens[n] = kind
        counts[kind] += 1
        n += 1
    return at, n, kinds


@kernel
def fill_table(table, hashes, first, last):
    """Enter the kinds first..last, which are all different, into a table."""
    mask = np.int64(table.shape[0] - 1)
    for kind in range(first, last):
        slot = np.int64(hashes[kind]) & mask
        while table[slot] != EMPTY:
            slot = (slot + 1) & mask
        table[slot] = kind


@kernel
def hash_words(blob, starts, hashes):
    """The hash of each word of a blob; word i is blob[starts[i]:starts[i + 1]]."""
    for i in range(hashes.shape[0]):
        hashes[i] = hash_bytes(blob, starts[i], starts[i + 1])


@kernel
def find(table, hashes, blob, starts, data, start, length, h):
    """The number of the word data[start:start + length] with hash h, or -1."""
    mask = np.int64(table.shape[0] - 1)
    slot = np.int64(h) & mask
    while True:
        i = table[slot]
        if i == EMPTY:
            return i
        if hashes[i] == h and starts[i + 1] - starts[i] == length and same(data, start, blob, starts[i], length):
            return i
        slot = (slot + 1) & mask


@kernel
def begins_with(data, start, length, prefix):
    """Whether data[start:start + length] begins with the prefix."""
    return length >= prefix.shape[0] and same(data, start, prefix, 0, prefix.shape[0])


@kernel
def label_kinds(data, starts, lengths, prefix, out):
    """Mark the kinds that begin with the label prefix."""
    for kind in range(1, starts.shape[0]):
        out[kind] = begins_with(data, starts[kind], lengths[kind], prefix)


@kernel
def character_ngrams(data, start, length, minn, maxn, bucket, out, n):
    """Append to out[n:] the buckets of the character n-grams of `<word>`; return the new n.

    n-grams of minn to maxn UTF-8 characters, without those of one character at either end. With an empty `out`
    they are only counted.
    """
    size = length + 2
    write = out.shape[0] > 0
    for i in range(size):
        first = byte_of(data, start, length, i)
        if (first & 0xC0) == 0x80:
            continue
        h = OFFSET
        j, characters = i, 1
        while j < size and characters <= maxn:
            h = hash_step(h, byte_of(data, start, length, j))
            j += 1
            while j < size and (byte_of(data, start, length, j) & 0xC0) == 0x80:
                h = hash_step(h, byte_of(data, start, length, j))
                j += 1
            if characters >= minn and not (characters == 1 and (i == 0 or j == size)):
                if write:
                    out[n] = np.int32(h % np.uint32(bucket))
                n += 1
            characters += 1
    return n


@kernel
def byte_of(data, start, length, i):
    """Byte i of `<word>`."""
    if i == 0:
        return np.uint8(60)
    if i == length + 1:
        return np.uint8(62)
    return data[start + i - 1]


@kernel
def word_ngram(h, word_hash):
    """Extend the hash of a word n-gram by one word; hashes are sign-extended, as fastText stores them in an int32."""
    return h * WORD_PRIME + np.uint64(np.int64(np.int32(word_hash)))


@kernel
def find_all(data, starts, lengths, kind_hashes, table, hashes, blob, word_starts, out):
    """The number in a dictionary of each kind of token of a text, or -1; kind 0 is `</s>`."""
    eos = np.array([60, 47, 115, 62], np.uint8)
    out[0] = find(table, hashes, blob, word_starts, eos, 0, 4, kind_hashes[0])
    for kind in range(1, starts.shape[0]):
        out[kind] = find(table, hashes, blob, word_starts, data, starts[kind], lengths[kind], kind_hashes[kind])
