"""Images from wherever they are: IDX files, an npz, or a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gradwell.errors import DataError, OptionError
from gradwell.vision import folders, idx, npz
from gradwell.vision.images import Images

Where = str | os.PathLike[str]


def as_they_come(things: Iterable[Any]) -> Iterable[Any]:
    """No progress is shown."""
    return things


def read(
    path: Where, part: str = "train", size: int = 0, channels: int = 0, classes: Sequence[str] | None = None,
    progress: folders.Progress = as_they_come,
) -> Images:
    """Images with their classes.

    path: a folder of IDX files (train-images-idx3-ubyte.gz ...), one such file, an npz, or a folder with a folder of images for each
    class; in what is divided into train and test, `part` chooses. size, channels: what every image is scaled to; 0 takes them as they
    are, and then they must be alike. classes: the only ones there may be, in their order; without it those that are found.
    Raises DataError, which names the file, when there is nothing to learn from, OptionError when there is no such part.
    """
    where = Path(path)
    if part not in ("train", "test"):
        raise OptionError(f"part is {part!r}; it can be train or test")
    if not where.exists():
        raise DataError(f"{where} is not there; give IDX files, an npz, or a folder with a folder of images for each class")
    files: tuple[str, ...] = ()
    if where.is_dir() and not idx.parts(where):
        grouped = folders.by_class(folders.part_of(where, part))
        paths = [path for found in grouped.values() for path in found]
        pixels, files = folders.decoded(paths, size, channels, progress), tuple(map(str, paths))
        words: NDArray[Any] | None = np.array([name for name, found in grouped.items() for _ in found])
        size = channels = 0
    else:
        source, pixels, words = packed(where, part)
    if words is None:
        raise DataError(f"{source} has images, but no labels; they belong beside it in {idx.labels_of(source).name}")
    if len(words) != len(pixels):
        raise DataError(f"{where} has {len(pixels):,} images and {len(words):,} labels; there must be one for each")
    if not len(pixels):
        raise DataError(f"{where} holds no images")
    names = tuple(map(str, classes)) if classes is not None else tuple(map(str, sorted(set(words.tolist()))))
    return Images(scaled(pixels, size, channels), numbered(words, names, where), names, str(where), files)


def packed(where: Path, part: str) -> tuple[Path, NDArray[np.uint8], NDArray[Any] | None]:
    """What the files that hold many images hold: the file, pixels, labels."""
    if where.suffix == ".npz":
        return where, *npz.read(where, part)
    if where.is_dir():
        there = idx.parts(where)
        if part not in there:
            raise DataError(f"{where} has no IDX file of images to {part}: {', '.join(path.name for path in there.values())}")
        where = there[part]
    elif "ubyte" not in where.name:
        raise DataError(f"{where} is neither an IDX file (...-ubyte, ...-ubyte.gz) nor an npz, nor a folder")
    return where, *idx.read(where)


def numbered(words: NDArray[Any], names: tuple[str, ...], where: Path) -> NDArray[np.int64]:
    """The number of each label's class. Raises DataError for a label of no class."""
    if words.ndim != 1:
        raise DataError(f"the labels of {where} are {' x '.join(map(str, words.shape))}; each image has one")
    number = {name: i for i, name in enumerate(names)}
    plain = {str(i): i for i in range(len(names))} if np.issubdtype(words.dtype, np.integer) else {}  # 3 is the class of that place
    known = number if all(str(word) in number for word in set(words.tolist())) else plain | number
    strange = sorted({str(word) for word in words.tolist()} - set(known))
    if strange:
        raise DataError(f"{where} has the class {strange[0]!r}; there are only {', '.join(names[:20])}")
    return np.array([known[str(word)] for word in words.tolist()], np.int64)


def to_predict(paths: Sequence[Where], size: int, channels: int) -> tuple[Images, list[str]]:
    """Images without labels from files, folders and archives, and a complaint for each that cannot be read.

    Raises DataError where nothing can be read.
    """
    found: list[NDArray[np.uint8]] = []
    names: list[str] = []
    wrong: list[str] = []
    for where in map(Path, paths):
        try:
            if where.suffix == ".npz" or "ubyte" in where.name:
                _, pixels, _ = packed(where, "test")
                pixels = scaled(pixels, size, channels)
                found += [pixels[i : i + 1] for i in range(len(pixels))]
                names += [f"{where}[{i}]" for i in range(len(pixels))]
                continue
            for path in folders.files(where) if where.is_dir() else [where]:
                try:
                    found.append(folders.image(path, size, channels)[None])
                    names.append(str(path))
                except DataError as error:
                    wrong.append(str(error))
        except DataError as error:
            wrong.append(str(error))
    if not found:
        nothing = f"{', '.join(map(str, paths))} holds no images; their names end in {', '.join(folders.ENDINGS)}"
        raise DataError(wrong[0] if wrong else nothing)
    for one, name in zip(found, names, strict=True):
        if one.shape != found[0].shape:
            raise DataError(folders.unlike(Path(name), one.shape[1:], Path(names[0]), found[0].shape[1:]))
    pixels = np.concatenate(found)
    return Images(pixels, np.zeros(len(pixels), np.int64), (), ", ".join(map(str, paths)), tuple(names)), wrong


def scaled(pixels: NDArray[np.uint8], size: int, channels: int) -> NDArray[np.uint8]:
    """Images (images, channels, height, width) with so many channels and pixels a side; 0 leaves them."""
    if channels and channels != pixels.shape[1]:
        grey = np.round(pixels.mean(1, keepdims=True)).astype(np.uint8)
        pixels = grey if channels == 1 else np.repeat(grey, channels, axis=1)
    if size and (size, size) != pixels.shape[2:]:
        parts = [torch.nn.functional.interpolate(torch.tensor(pixels[i : i + 1024]).float(), (size, size), mode="bilinear", antialias=True)
                 for i in range(0, len(pixels), 1024)]
        pixels = torch.cat(parts).round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels
