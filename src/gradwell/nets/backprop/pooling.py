"""How a gradient goes down through pooling: to the largest of each patch, or to all of it in equal parts."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gradwell.errors import OptionError
from gradwell.nets.backprop.convolution import images, options


def largest(layer: Any, x: Tensor, delta: Tensor) -> Tensor:
    """Through max pooling: each delta goes to the one input that was the largest of its patch; dL/dx, like x."""
    where = options(layer, x.dim() - 2)
    wide = images(x)
    _, at = F.max_pool2d(wide, where["kernel_size"], where["stride"], where["padding"], where["dilation"], layer.ceil_mode, True)
    below = torch.zeros_like(wide).flatten(2)
    below.scatter_add_(2, at.flatten(2), images(delta).flatten(2))
    return below.reshape(x.shape)


def mean(layer: Any, x: Tensor, delta: Tensor) -> Tensor:
    """Through average pooling: each delta goes to all of its patch in equal parts; dL/dx, like x."""
    if layer.ceil_mode or not layer.count_include_pad or getattr(layer, "divisor_override", None):
        raise OptionError("explain knows average pooling with ceil_mode=False, count_include_pad=True and without divisor_override only")
    where, wide = options(layer, x.dim() - 2), images(x)
    size = where["kernel_size"][0] * where["kernel_size"][1]
    parts = images(delta).flatten(0, 1).flatten(1)[:, None].expand(-1, size, -1) / size  # (n * channels, kernel, places)
    return F.fold(parts, tuple(wide.shape[2:]), **where).reshape(x.shape)


def adaptive_mean(x: Tensor, delta: Tensor) -> Tensor:
    """Through adaptive average pooling, whose patches must be of one size; dL/dx, like x."""
    sizes, outputs = x.shape[2:], delta.shape[2:]
    if any(size % out for size, out in zip(sizes, outputs, strict=True)):
        raise OptionError(f"explain knows adaptive pooling into equal patches only, not of {tuple(sizes)} into {tuple(outputs)}")
    for axis, (size, out) in enumerate(zip(sizes, outputs, strict=True), 2):
        delta = delta.repeat_interleave(size // out, axis) / (size // out)
    return delta
