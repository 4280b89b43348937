"""Where text comes from: a file, lines in memory, or a column of a table, all as one array of bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gradwell.errors import DataError
from gradwell.text.dictionary import Bytes

NEWLINES = str.maketrans("\n", " ")


def is_path(source: Any) -> bool:
    """Whether a source names a file."""
    return isinstance(source, str | os.PathLike)


def bytes_of(source: Any, what: str = "the input") -> Bytes:
    """The bytes of a file, mapped into memory rather than read, or of lines in memory, each ended by a newline.

    A newline inside a line in memory counts as a space. Raises DataError when there is nothing to read.
    """
    if is_path(source):
        return mapped(Path(os.fspath(source)), what)
    return np.frombuffer(joined(lines_of(source, what)), np.uint8)


def mapped(path: Path, what: str) -> Bytes:
    """The bytes of a file, mapped into memory; of a pipe, read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"{path} is a folder; {what} must be a text file")
        if not stat.S_ISREG(status.st_mode):
            return np.frombuffer(path.read_bytes(), np.uint8)
        if status.st_size == 0:
            return np.zeros(0, np.uint8)
        return np.memmap(path, np.uint8, "r")
    except OSError as error:
        raise DataError(f"{path} cannot be opened as {what}: {error.strerror}") from None


def lines_of(source: Any, what: str) -> list[str]:
    """The lines of a source in memory: a list, an iterator, a NumPy array, an Arrow or pandas column."""
    if isinstance(source, bytes) or not isinstance(source, Iterable):
        raise DataError(f"{what} is {type(source).__name__}; it must be a path or lines of text (a list, an array, a column, an iterator)")
    lines = plain(source)
    for i, line in enumerate(lines):
        if not isinstance(line, str):
            raise DataError(f"{what}, line {i}, is {line!r}; every line must be text (str)")
    return lines


def plain(source: Iterable[Any]) -> list[Any]:
    """A list of what a column, an array or an iterator holds."""
    for method in ("to_pylist", "tolist", "to_list"):  # Arrow; NumPy and pandas; polars
        if hasattr(source, method):
            return list(getattr(source, method)())
    return list(source)


def joined(lines: list[str]) -> bytes:
    """Lines as bytes, each ended by a newline; what cannot be encoded becomes a question mark."""
    if not lines:
        return b""
    text = "\n".join(lines)
    if text.count("\n") != len(lines) - 1:
        text = "\n".join(line.translate(NEWLINES) for line in lines)
    return text.encode("utf-8", "replace") + b"\n"
