"""What is done to training images, so that the network does not learn them by heart: mirrored, moved, blotted out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gradwell.vision.options import Options

SIDES = (0.15, 0.45)  # of a blot, in shares of the image's side


def augmented(x: Tensor, options: Options) -> Tensor:
    """Images (batch, channels, height, width) as they might have been taken, too; chance comes from torch's generator of the device."""
    if options.flip:
        x = torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5, x.flip(3), x)
    if options.shift:
        x = moved(x, max(1, round(options.shift * min(x.shape[2:]))))
    return blotted(x, options.erase) if options.erase else x


def moved(x: Tensor, most: int) -> Tensor:
    """Each image moved by up to `most` pixels in both directions; what comes in at the border is black."""
    n, _, height, width = x.shape
    down, right = (torch.randint(0, 2 * most + 1, (n, 1), device=x.device) for _ in range(2))
    rows = (down + torch.arange(height, device=x.device))[:, None, :, None]
    columns = (right + torch.arange(width, device=x.device))[:, None, None, :]
    images, channels = (torch.arange(k, device=x.device) for k in x.shape[:2])
    return functional.pad(x, (most, most, most, most))[images[:, None, None, None], channels[None, :, None, None], rows, columns]


def blotted(x: Tensor, share: float) -> Tensor:
    """In this share of the images a rectangle becomes grey noise (random erasing, Zhong et al. 2017, arXiv:1708.04896)."""
    n, _, height, width = x.shape
    inside = torch.rand(n, 1, 1, device=x.device) < share
    for axis, side in ((1, height), (2, width)):
        long = torch.empty(n, device=x.device).uniform_(*SIDES) * side
        start = torch.rand(n, device=x.device) * side - long / 2
        place = torch.arange(side, device=x.device)
        here = (place >= start[:, None]) & (place < (start + long)[:, None])  # (batch, side)
        inside = inside & here.unsqueeze(3 - axis)
    noise = torch.randint(0, 256, x.shape, device=x.device, dtype=x.dtype)
    return torch.where(inside[:, None], noise, x)
