"""Images with their classes, all of one size, in one array."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gradwell.errors import DataError

HELD_OUT = 12  # one image in so many is measured on


@dataclass(frozen=True)
class Images:
    """Image i of `pixels` (images, channels, height, width), 0 to 255, belongs to class `labels[i]`, whose name is in `classes`.

    `files` names each image; where images have no names it is empty, and they are called by their place in `name`. Images to predict
    have no labels.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    name: str = "the images"
    files: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.pixels.shape[1], self.pixels.shape[2], self.pixels.shape[3]

    def called(self, i: int) -> str:
        """The name of an image."""
        return self.files[i] if self.files else f"{self.name}[{i}]"

    def some(self, chosen: list[int]) -> Images:
        """The images at these places."""
        files = tuple(self.files[i] for i in chosen) if self.files else ()
        return replace(self, pixels=self.pixels[chosen], labels=self.labels[chosen], files=files)

    def named(self, names: list[str]) -> Images:
        """The same with other names for the classes. Raises DataError unless there is one for each."""
        if len(names) != len(self.classes):
            known = ", ".join(self.classes[:20])
            raise DataError(f"{len(names)} names were given, and {self.name} has {len(self.classes)} classes: {known}")
        if len(set(names)) < len(names):
            raise DataError(f"a class is named twice in {', '.join(names)}")
        return replace(self, classes=tuple(names))

    def held_out(self, seed: int = 0) -> tuple[Images, Images]:
        """Images to learn from, and one in twelve of each class to measure on."""
        chance = random.Random(seed)
        kept: list[int] = []
        out: list[int] = []
        for label in range(len(self.classes)):
            mine = np.flatnonzero(self.labels == label).tolist()
            chance.shuffle(mine)
            share = max(1, len(mine) // HELD_OUT) if len(mine) > 1 else 0
            out, kept = out + mine[:share], kept + mine[share:]
        if not out:
            raise DataError(f"{self.name} has one image of each class, so none is left to measure on; give more, or --valid")
        return self.some(sorted(kept)), self.some(sorted(out))
