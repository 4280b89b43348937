"""Images in files: a folder for each class, or any files to predict."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradwell.errors import DataError
from gradwell.vision.needs import needed

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
PARTS = {"train": ("train", "training"), "test": ("test", "testing", "val", "valid", "validation")}
GREY, COLOUR = ("1", "L"), ("P", "RGB")  # modes of Pillow that stand for one and for three channels
IN_MEMORY = 1 << 30  # bytes; more are kept in a temporary file
Progress = Callable[[Iterable[Any]], Iterable[Any]]


def part_of(folder: Path, part: str) -> Path:
    """The folder of a part (train or test), or the folder itself where it is not divided."""
    names = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    divided = any(name in names for known in PARTS.values() for name in known)
    for name in PARTS[part]:
        if divided and name in names:
            return names[name]
    if divided and "train" in names:
        raise DataError(f"{folder} has {', '.join(sorted(names))}, but no folder for the part to {part}")
    return folder


def by_class(folder: Path) -> dict[str, list[Path]]:
    """The image files of each class, by the name of their folder. Raises DataError when there are none."""
    found = {path.name: files(path) for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")}
    if not found:
        loose = f": its {len(files(folder))} images are in no folder" if files(folder) else ""
        raise DataError(f"{folder} has no folder for each class{loose}; make one a class and put its images there")
    empty = [name for name, images in found.items() if not images]
    if empty:
        raise DataError(f"{folder / empty[0]} holds no images; their names end in {', '.join(ENDINGS)}")
    return found


def files(folder: Path) -> list[Path]:
    """The image files in a folder and those below it, by name."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and not path.name.startswith("."))


def decoded(paths: list[Path], size: int, channels: int, progress: Progress) -> NDArray[np.uint8]:
    """The pixels of image files (images, channels, height, width). Raises DataError that names the first file that does not fit."""
    made: NDArray[np.uint8] | None = None
    for i, path in enumerate(progress(paths)):
        one = image(path, size, channels)
        if made is None:
            made = room((len(paths), *one.shape))
        if one.shape != made.shape[1:]:
            raise DataError(unlike(path, one.shape, paths[0], made.shape[1:]))
        made[i] = one
    assert made is not None, "there is an image"
    return made


def image(path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    """The pixels of one image file (channels, height, width). Raises DataError when it is damaged or of a strange kind."""
    pil = needed("PIL.Image", "reading image files")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strange metadata, which do not matter here
            with pil.open(path) as found:
                found.load()
                image = needed("PIL.ImageOps", "reading image files").exif_transpose(found)
    except Exception as error:  # noqa: BLE001 - a damaged file may raise anything
        reason = getattr(error, "strerror", None) or "it is damaged, or no image"
        raise DataError(f"{path} cannot be read: {reason}") from None
    if not channels and image.mode not in (*GREY, *COLOUR):
        raise DataError(f"{path} has {image.mode} pixels; choose with --channels whether images become grey (1) or colour (3)")
    wanted = channels or (1 if image.mode in GREY else 3)
    image = image.convert("L" if wanted == 1 else "RGB")
    if size:
        image = image.resize((size, size), pil.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if wanted == 1 else pixels.transpose(2, 0, 1)


def room(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An array for so many pixels, in memory or, where they are many, in a file that goes away by itself."""
    if np.prod(shape, dtype=np.int64) <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    return np.memmap(tempfile.TemporaryFile(), np.uint8, shape=shape)


def unlike(path: Path, shape: tuple[int, ...], first: Path, other: tuple[int, ...]) -> str:
    """What to say of two images that differ."""
    if shape[0] != other[0]:
        words = {1: "grey", 3: "in colour"}
        return f"{path} is {words[shape[0]]} and {first} {words[other[0]]}; --channels 1 or 3 makes them alike"
    here, there = (f"{width} x {height}" for _, height, width in (shape, other))
    return f"{path} is {here} pixels and {first} {there}; --size N scales all to N x N"
