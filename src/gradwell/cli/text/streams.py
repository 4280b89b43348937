"""Text in and out: whole lines from a file or from stdin in blocks, bytes to stdout."""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gradwell.errors import DataError

BLOCK = 4 << 20  # bytes read at once


@contextlib.contextmanager
def blocks(path: str) -> Iterator[Iterator[bytes]]:
    """The text of a file, or of stdin where the path is `-`, in blocks of whole lines.

    What stands in stdin is handed on as soon as a line is whole. Raises DataError when the file cannot be read.
    """
    name = "stdin" if path == "-" else path
    try:
        number = 0 if path == "-" else os.open(path, os.O_RDONLY)
        mode = os.fstat(number).st_mode
    except OSError as error:
        raise DataError(f"{name} cannot be opened as the text: {error.strerror}") from None
    try:
        if stat.S_ISDIR(mode):
            raise DataError(f"{name} is a folder; the text must be a file, or - for stdin")
        yield whole_lines(number, name, not stat.S_ISREG(mode) and not os.isatty(number))
    finally:
        if number:
            os.close(number)


def whole_lines(number: int, name: str, piped: bool) -> Iterator[bytes]:
    """Blocks that end where a line ends."""
    parts: list[bytes] = []
    while True:
        try:
            some = os.read(number, BLOCK)
            while some and piped and len(some) < BLOCK and select.select([number], [], [], 0)[0]:
                more = os.read(number, BLOCK)
                some += more
                if not more:
                    break
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror}") from None
        end = some.rfind(b"\n") + 1
        if end:
            yield b"".join([*parts, some[:end]])
            parts = []
        if some[end:]:
            parts.append(some[end:])
        if not some:
            break
    if parts:
        yield b"".join(parts)


def words(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The words of a text; what was written so far is shown before more is read."""
    flush()
    for block in lines:
        yield from block.split()
        flush()


def put(data: bytes) -> None:
    """Write to stdout, all of it: an unbuffered one may take only part at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]


def flush() -> None:
    """Let everything written so far be seen."""
    sys.stdout.flush()


def row(name: bytes, values: list[float]) -> bytes:
    """A vector as fastText prints it: five significant digits, and a space after each number."""
    return name + (b"%.5g " * len(values)) % tuple(values) + b"\n"


def readable(path: str, what: str) -> None:
    """Complain at once when a file that is needed later cannot be read."""
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise DataError(f"{path} cannot be opened as {what}: {error.strerror}") from None


def writable(path: str, what: str) -> None:
    """Complain at once when a file cannot be written later."""
    where = Path(path)
    try:
        if where.is_dir():
            raise DataError(f"{path} is a folder; {what} must be a file")
        with tempfile.TemporaryFile(dir=where.parent):
            pass
    except OSError as error:
        raise DataError(f"{path} cannot be written as {what}: {error.strerror}") from None
