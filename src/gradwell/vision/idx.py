"""IDX files, the format of MNIST and its like: a header of big-endian numbers, then the bytes (yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradwell.errors import DataError

UNSIGNED_BYTE = 8
TEST = ("t10k", "test")  # what the files of the second part begin with


def array(path: Path) -> NDArray[np.uint8]:
    """What an IDX file holds, packed by gzip or not. Raises DataError when it is damaged or holds no bytes."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is damaged'}") from None
    if len(data) < 4 or data[0] or data[1] or data[2] != UNSIGNED_BYTE or not data[3]:
        raise DataError(f"{path} is no IDX file of bytes: it must begin with 00 00 08 and the number of dimensions")
    start = 4 + 4 * data[3]
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4))
    told, there = int(np.prod(shape, dtype=np.int64)), len(data) - start
    if told != there:
        raise DataError(f"{path} is damaged: its header tells of {' x '.join(map(str, shape))} bytes, and {max(there, 0):,} are there")
    return np.frombuffer(bytearray(data), np.uint8, offset=start).reshape(shape)  # of bytes it could not be written to


def labels_of(images: Path) -> Path:
    """The file of labels that belongs to a file of images: train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz."""
    name = images.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    return images.with_name(name)


def parts(folder: Path) -> dict[str, Path]:
    """The files of images in a folder, by part: train and test."""
    found = {}
    for path in sorted(folder.iterdir()):
        if "images" in path.name and path.name.removesuffix(".gz").endswith("ubyte"):
            found["test" if path.name.startswith(TEST) else "train"] = path
    return found


def read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
    """Pixels (images, channels, height, width) and, where their file is there, labels."""
    pixels = array(path)
    if pixels.ndim not in (3, 4):
        raise DataError(f"{path} has {pixels.ndim} dimensions; images have three (images, height, width) or four (channels last)")
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
    beside = labels_of(path)
    if beside == path or not beside.exists():
        return pixels, None
    labels = array(beside)
    if labels.shape != (len(pixels),):
        raise DataError(f"{path} has {len(pixels):,} images and {beside.name} {labels.shape[0]:,} labels; there must be one for each")
    return pixels, labels.astype(np.int64)
