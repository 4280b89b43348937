"""Getting in front of an unmodified script: wait until it imports torch, then start a watcher, and finish it when Python ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from gradwell.watch.settings import Settings

if TYPE_CHECKING:
    from gradwell.doctor.record import Record

OLDEST = (2, 6)  # the first torch that has all that is watched
TORCH_NOTE = "torch.txt"  # in the run folder: which torch a process imported


class TorchFinder(MetaPathFinder):
    """Finds torch as everybody would, and adds a word to what happens after it was loaded. Removes itself when it did."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._searching = False

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002
        """Answer for `torch` alone."""
        if name != "torch" or self._searching:
            return None
        self._searching = True
        try:
            spec = find_spec("torch")
        finally:
            self._searching = False
        if spec is None or spec.loader is None:
            return None
        sys.meta_path.remove(self)
        spec.loader = Afterwards(spec.loader, self._settings)
        return spec


class Afterwards(Loader):
    """Loads a module by its own loader, then starts the watcher."""

    def __init__(self, loader: Loader, settings: Settings) -> None:
        self._loader, self._settings = loader, settings

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the module's own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, give it its own loader back, and start to watch."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        start(self._settings, str(module.__version__))


def await_torch() -> None:
    """Start a watcher as soon as torch is imported, if the launcher left settings for this process."""
    settings = Settings.from_environment()
    if settings is not None:
        sys.meta_path.insert(0, TorchFinder(settings))


def start(settings: Settings, version: str) -> None:
    """Watch this process until it ends; a torch that is too old is only noted."""
    folder = settings.folder
    if folder is not None:
        with contextlib.suppress(OSError):
            (folder / TORCH_NOTE).write_text(version)
    if tuple(int(part) for part in version.split("+")[0].split(".")[:2]) < OLDEST:
        return
    from gradwell.watch.watcher import Watcher

    watcher = Watcher(settings, lambda: create(settings))
    watcher.start()
    atexit.register(watcher.end)


def create(settings: Settings) -> Record:
    """Open this process's record in the run folder: `record.sqlite` for the first (rank 0) that trains, a side file for every other.

    Raises RecordError when the folder cannot be written.
    """
    from gradwell.doctor.record import Record
    from gradwell.errors import RecordError

    folder = settings.folder or Path()
    rank = os.environ.get("RANK", "0")
    if rank == "0":
        with contextlib.suppress(FileExistsError):
            try:
                os.close(os.open(folder / "record.sqlite", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except FileExistsError:
                raise
            except OSError as error:
                raise RecordError(f"cannot write the record in {folder}: {error.strerror}") from error
            return Record.create(folder / "record.sqlite")
    return Record.create(folder / f"record-{rank}-{os.getpid()}.sqlite")
