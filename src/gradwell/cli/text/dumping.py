"""`gradwell text dump`: a model's options, dictionary or matrices as text, as fastText prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gradwell.cli.text.command import Command, Given
from gradwell.cli.text.streams import flush, put
from gradwell.errors import OptionError

if TYPE_CHECKING:
    from gradwell.text.model import Model

ARGS = ("dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn", "maxn", "lrUpdateRate", "t")
SPELLED = {"ova": "one-vs-all", "skipgram": "sg", "supervised": "sup"}  # args.cc
ROWS_AT_ONCE = 4096


def command(name: str, summary: str) -> Command:
    """The command."""
    return Command(name, summary + ".", dump, ("MODEL", "args|dict|input|output"))


def dump(positions: list[str], _: Given) -> int:
    """Print one part of a model."""
    if positions[1] not in PARTS:
        raise OptionError(f"dump can print {', '.join(PARTS)}; {positions[1]!r} was asked for")
    from gradwell.text import files

    for piece in PARTS[positions[1]](files.load(positions[0])):
        put(piece)
    flush()
    return 0


def options(model: Model) -> Iterator[bytes]:
    """The options that a model file holds."""
    for name in ARGS:
        value = getattr(model.options, name)
        yield f"{name} {SPELLED.get(value, value) if isinstance(value, str) else format(value, '.6g' if name == 't' else 'd')}\n".encode()


def dictionary(model: Model) -> Iterator[bytes]:
    """Every word and label with its count."""
    words = model.dictionary
    yield b"%d\n" % words.size
    for i, (entry, count) in enumerate(zip(words.entries, words.counts.tolist(), strict=True)):
        yield b"%b %d %b\n" % (entry, count, b"word" if i < words.nwords else b"label")


def input_matrix(model: Model) -> Iterator[bytes]:
    """The input matrix, a row for each word and each bucket."""
    import numpy as np

    whole = dense(model)
    buckets, nwords = model.dictionary.rows_of_bucket, model.dictionary.nwords
    if buckets is None:
        return rows(len(whole), model, lambda some: whole[some])
    place = np.concatenate([np.arange(nwords), buckets])
    return rows(len(place), model, lambda some: whole[place[some]])


def output_matrix(model: Model) -> Iterator[bytes]:
    """The output matrix, a row for each label (or word)."""
    dense(model)
    return rows(len(model.output), model, lambda some: model.output[some])


def dense(model: Model) -> Any:
    """The input matrix, if it is not quantised."""
    import numpy as np

    if not isinstance(model.input, np.ndarray):
        raise OptionError("this model is quantised, and its matrices cannot be dumped (as in fastText); dump the .bin it was made from")
    return model.input


def rows(n: int, model: Model, of: Callable[[slice], Any]) -> Iterator[bytes]:
    """The shape, then each row: six significant digits, a space between."""
    dim = model.options.dim
    yield b"%d %d\n" % (n, dim)
    layout = b" ".join([b"%.6g"] * dim) + b"\n"
    for first in range(0, n, ROWS_AT_ONCE):
        yield b"".join([layout % tuple(row) for row in of(slice(first, first + ROWS_AT_ONCE))[:, :dim].tolist()])


PARTS = {"args": options, "dict": dictionary, "input": input_matrix, "output": output_matrix}
