"""Images laid on a larger black canvas, each in the middle or moved away from it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def on_canvas(images: Tensor, size: int, shift: int, generator: torch.Generator) -> Tensor:
    """Images (examples, 1, h, h) on a canvas (examples, 1, size, size), each moved by up to `shift` pixels in both directions.

    Every image has a move of its own; at its largest at least one of the two directions is moved by all of `shift`.
    """
    moves = torch.randint(-shift, shift + 1, (len(images), 2), generator=generator)
    axis = torch.randint(2, (len(images),), generator=generator)
    side = torch.randint(2, (len(images),), generator=generator) * 2 - 1
    moves[torch.arange(len(images)), axis] = side * shift
    before = (size - images.shape[2]) // 2
    after = size - images.shape[2] - before
    canvas = functional.pad(images, (before, after, before, after))
    place = torch.arange(size)
    rows, columns = ((place - moves[:, d, None]) % size for d in range(2))  # (examples, size)
    return canvas[torch.arange(len(images))[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]
