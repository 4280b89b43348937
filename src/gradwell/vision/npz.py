"""Images in a NumPy archive, as Keras (x_train, y_train), MedMNIST (train_images, train_labels) and others write it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradwell.errors import DataError

NAMES = {part: ((f"x_{part}", f"y_{part}"), (f"{part}_images", f"{part}_labels")) for part in ("train", "test")}
WHOLE = (("images", "labels"), ("x", "y"), ("X", "y"), ("data", "target"))


def read(path: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[Any] | None]:
    """Pixels (images, channels, height, width) and, where they are there, labels (numbers or words).

    Raises DataError when the archive is damaged or holds no images of one of the known names.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            for images, labels in (*NAMES[part], *WHOLE):
                if images in archive:
                    return pixels(archive[images], f"{path}[{images}]"), column(archive[labels]) if labels in archive else None
            there = ", ".join(archive) or "nothing"
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or str(error).splitlines()[0]}") from None
    wanted = ", ".join(f"{a} and {b}" for a, b in (*NAMES[part], *WHOLE))
    raise DataError(f"{path} holds {there}; images and labels must be called {wanted}")


def column(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels of one dimension, where they were written as a table of one column."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def pixels(given: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """(images, height, width), with channels last or second -> (images, channels, height, width), from 0 to 255."""
    if given.ndim == 3:
        given = given[:, None]
    elif given.ndim == 4 and given.shape[1] not in (1, 3) and given.shape[3] in (1, 3):
        given = given.transpose(0, 3, 1, 2)
    if given.ndim != 4 or given.shape[1] not in (1, 3):
        shape = " x ".join(map(str, given.shape))
        raise DataError(f"{name} is {shape}; images are (images, height, width), with 1 or 3 channels last or second where there are four")
    if given.dtype == np.uint8:
        return given
    low, high = (float(given.min()), float(given.max())) if given.size else (0.0, 0.0)
    if not (low >= 0 and high <= 255):
        raise DataError(f"{name} goes from {low:g} to {high:g}; pixels go from 0 to 255, or from 0 to 1")
    scale = 255 if np.issubdtype(given.dtype, np.floating) and high <= 1 else 1
    return np.round(given * scale).astype(np.uint8)
