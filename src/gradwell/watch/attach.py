"""Starting a watcher in a script that has just imported torch (`inject/sitecustomize.py` waits for that), and ending it with Python."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gradwell.watch.settings import Settings

if TYPE_CHECKING:
    from gradwell.doctor.record import Record
    from gradwell.watch.watcher import Watcher

OLDEST = (2, 6)  # the first torch that has all that is watched
TORCH_NOTE = "torch.txt"  # in the run folder: which torch a process imported, or why it could not


def start(version: str) -> None:
    """Watch this process until it ends, now that torch is there; a torch that is too old is only noted."""
    settings = Settings.from_environment()
    if settings is None:
        return
    note(settings, version, "w")
    if is_too_old(version):
        return
    from gradwell.watch.watcher import Watcher

    kind = Watcher
    if settings.steps is not None:
        from gradwell.watch.treated import Treated

        kind = Treated
    watcher = kind(settings, lambda: create(settings))
    watcher.start()
    atexit.register(end, watcher)


def end(watcher: Watcher) -> None:
    """Write the rest of the record as Python ends; if anything was lost, say so."""
    if isinstance(error := getattr(sys, "last_value", None), Exception):  # that nobody caught
        watcher.on_failure(error, backward=False)
    watcher.end()
    lost = watcher.off.get("record")
    if lost and os.getpid() == watcher.pid and sys.stderr is not None:
        print(f"gradwell: {lost}", file=sys.stderr)  # noqa: T201 - nobody else would learn of it


def missed(reason: str) -> None:
    """Note why this process cannot be watched, unless another one is."""
    settings = Settings.from_environment()
    if settings is not None:
        note(settings, reason, "x")


def note(settings: Settings, text: str, mode: str) -> None:
    """Leave a word for the launcher in the run folder."""
    if settings.folder is not None:
        with contextlib.suppress(OSError), open(settings.folder / TORCH_NOTE, mode, encoding="utf-8", errors="replace") as file:
            file.write(text)


def is_too_old(version: str) -> bool:
    """Whether a version of torch lacks something that is watched."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) < OLDEST


def create(settings: Settings) -> Record:
    """Open this process's record in the run folder: `record.sqlite` for the first (rank 0) that trains, a side file for every other.

    Each process writes a file of its own; they are read as one (`doctor.ranks`). Raises RecordError when the folder cannot be written.
    """
    from gradwell.errors import RecordError
    from gradwell.watch.ranks import places

    for path in places(settings.folder or Path()):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            break
        except FileExistsError:
            continue
        except OSError as error:
            raise RecordError(f"cannot write the record in {path.parent}: {error.strerror}; nothing of this run was kept") from error
    return begun(path)


def begun(path: Path) -> Record:
    """A new record; where it cannot be written, an empty file stays in its place as a sign."""
    from gradwell.doctor.record import Record
    from gradwell.errors import RecordError

    try:
        return Record.create(path)
    except RecordError as error:
        with contextlib.suppress(OSError):
            os.truncate(path, 0)
            for ending in ("-wal", "-shm", "-journal"):
                Path(f"{path}{ending}").unlink(missing_ok=True)
        raise RecordError(f"{error}; nothing of this run was kept") from error
