"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from gradwell.errors import DataError


@contextmanager
def replacing(path: str | os.PathLike[str], what: str) -> Iterator[IO[bytes]]:
    """A file to write that takes its name only when it is whole. Raises DataError when it cannot be written."""
    where = Path(path)
    temporary = where.parent / f".{where.name}.{secrets.token_hex(4)}"
    try:
        with open(os.fspath(temporary), "x+b") as file:
            yield file
        temporary.replace(where)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DataError(f"{where} cannot be written as {what}: {error.strerror}") from None
        raise
