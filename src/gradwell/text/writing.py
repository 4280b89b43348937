"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from gradwell.errors import DataError


@contextmanager
def replacing(path: str | os.PathLike[str], what: str) -> Iterator[IO[bytes]]:
    """A file to write that takes its name only when it is whole. Raises DataError when it cannot be written."""
    where = Path(path)
    try:
        with tempfile.NamedTemporaryFile(dir=where.parent, prefix=f".{where.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                yield file
                file.close()
                umask = os.umask(0)
                os.umask(umask)
                temporary.chmod(0o666 & ~umask)
                temporary.replace(where)
            except BaseException:
                with suppress(OSError):  # what still waits to be written does not fit either
                    file.close()
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise DataError(f"{where} cannot be written as {what}: {error.strerror}") from None
