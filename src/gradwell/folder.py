"""A model is a folder; config.json is written last, so that a folder that has one is whole."""

from __future__ import annotations

import os
from pathlib import Path

from gradwell.errors import ModelFileError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
DOCTOR = "doctor.json"  # what the doctor said of the training, where it watched


def ready(folder: str | os.PathLike[str]) -> Path:
    """The folder, made where it is not there. Raises ModelFileError when it cannot be written or holds a finished model."""
    where = Path(folder)
    try:
        where.mkdir(parents=True, exist_ok=True)
        probe = where / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ModelFileError(f"{where} cannot be written: {error.strerror}") from None
    if (where / CONFIG).exists():
        raise ModelFileError(f"{where} already holds a model; name another folder, or delete it")
    return where


def read(path: Path) -> str:
    """What a file says. Raises ModelFileError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}") from None


def write(path: Path, data: str | bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
        temporary.replace(path)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
