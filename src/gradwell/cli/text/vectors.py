"""`gradwell text print-word-vectors|print-sentence-vectors|print-ngrams`: vectors as text, as fastText prints them."""

from __future__ import annotations

import os

from gradwell.cli.text.command import Command, Given
from gradwell.cli.text.streams import blocks, flush, put, row, words


def command(name: str, summary: str) -> Command:
    """One of the three commands."""
    run, more = {
        "print-word-vectors": (of_words, ()),
        "print-sentence-vectors": (of_sentences, ()),
        "print-ngrams": (of_ngrams, ("WORD",)),
    }[name]
    return Command(name, summary + ".", run, ("MODEL", *more))


def of_words(positions: list[str], _: Given) -> int:
    """Print each word of stdin and its vector."""
    from gradwell.text import files

    with blocks("-") as text:
        model = files.load(positions[0])
        for word in words(text):
            put(row(word + b" ", model.word_vector(word).tolist()))
    return 0


def of_sentences(positions: list[str], _: Given) -> int:
    """Print the vector of each line of stdin."""
    from gradwell.text import files

    with blocks("-") as text:
        model = files.load(positions[0])
        for block in text:
            for line in lines(block):
                put(row(b"", model.sentence_vector(line).tolist()))
            flush()
    return 0


def lines(block: bytes) -> list[bytes]:
    """The lines of a block, each with its newline where it has one."""
    *whole, rest = block.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def of_ngrams(positions: list[str], _: Given) -> int:
    """Print a word, if it is known, and its character n-grams, with their vectors."""
    import numpy as np

    from gradwell.text import files
    from gradwell.text.quantized import rows_of

    model = files.load(positions[0])
    for ngram, place in model.subwords(os.fsencode(positions[1])):
        put(row(ngram + b" ", rows_of(model.input, np.array([place]))[0, : model.options.dim].tolist()))
    flush()
    return 0
