"""Tokens, hashes and n-grams of one line in plain Python: what the kernels do for many lines.

Source: fastText's dictionary.cc. Used where starting the kernels would take longer than the work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

EOS = b"</s>"
SPACES = b" \t\n\v\f\r\0"
WORD_PRIME = 116049371
SPLIT = re.compile(rb"[^ \t\n\v\f\r\0]+|\n")
CHARACTER = re.compile(rb"[\x00-\x7f\xc0-\xff][\x80-\xbf]*")


def fnv(word: bytes) -> int:
    """The 32-bit FNV-1a hash of a word, its bytes taken as signed.

    >>> fnv(b"the")
    3020861980
    """
    h = 2166136261
    for byte in word:
        h = ((h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
    return h


def tokens(text: bytes) -> Iterator[bytes]:
    """The tokens of a text; each end of line is the token `</s>`."""
    for token in SPLIT.findall(text):
        yield EOS if token == b"\n" else token


def character_ngrams(word: bytes, minn: int, maxn: int) -> list[bytes]:
    """The character n-grams of `<word>`, of minn to maxn UTF-8 characters.

    >>> character_ngrams(b"abc", 3, 3)
    [b'<ab', b'abc', b'bc>']
    """
    whole = b"<" + word + b">"
    starts = [i for i, byte in enumerate(whole) if byte & 0xC0 != 0x80]
    ends = [*starts[1:], len(whole)]
    found = []
    for i, start in enumerate(starts):
        for characters in range(1, min(maxn, len(starts) - i) + 1):
            end = ends[i + characters - 1]
            if characters >= minn and not (characters == 1 and (start == 0 or end == len(whole))):
                found.append(whole[start:end])
    return found


def word_ngrams(hashes: list[int], longest: int) -> Iterator[int]:
    """The 64-bit hashes of the word n-grams of 2 to `longest` words, from the words' own hashes."""
    signed = [h - (1 << 32) if h >= 1 << 31 else h for h in hashes]
    for i, first in enumerate(signed):
        h = first & 0xFFFFFFFFFFFFFFFF
        for other in signed[i + 1 : i + longest]:
            h = (h * WORD_PRIME + other) & 0xFFFFFFFFFFFFFFFF
            yield h
