"""A convolution as a product of matrices: patches of the input times the kernel, and both ways back."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradwell.errors import OptionError


def images(x: Tensor) -> Tensor:
    """(N, C, T) as (N, C, 1, T), so that one rule serves sequences and images."""
    return x[:, :, None] if x.dim() == 3 else x


def pair(value: Any, dimensions: int, fill: int) -> tuple[int, int]:
    """The option of a one- or two-dimensional layer as one of a two-dimensional layer."""
    values = tuple(value) if isinstance(value, tuple) else (value,) * dimensions
    return (values[0], values[1]) if dimensions == 2 else (fill, values[0])


def options(layer: Any, dimensions: int) -> dict[str, tuple[int, int]]:
    """How a layer's patches lie in its input. Raises OptionError for what torch.nn.functional.unfold cannot say."""
    if isinstance(layer.padding, str):
        raise OptionError(f"explain needs a convolution's padding in numbers; this one's is {layer.padding!r}")
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        raise OptionError(f"explain knows padding with zeros only, not {layer.padding_mode!r}")
    return {"kernel_size": pair(layer.kernel_size, dimensions, 1), "stride": pair(layer.stride, dimensions, 1),
            "padding": pair(layer.padding, dimensions, 0), "dilation": pair(getattr(layer, "dilation", 1), dimensions, 1)}


def backward(layer: nn.Conv1d | nn.Conv2d, x: Tensor, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What goes down from delta (N, K, ...): dL/dx like x, dL/dW like the kernel, and dL/db (K,)."""
    where = options(layer, x.dim() - 2)
    groups, (n, channels), units = layer.groups, x.shape[:2], layer.out_channels
    patches = F.unfold(images(x), **where).view(n, groups, -1, images(delta)[0, 0].numel())  # (n, group, channels * kernel, places)
    d = delta.reshape(n, groups, units // groups, -1)  # (n, group, units, places)
    w = layer.weight.reshape(groups, units // groups, -1)  # (group, units, channels * kernel)
    weight = torch.einsum("ngup,ngcp->guc", d, patches).reshape(layer.weight.shape)
    down = torch.einsum("guc,ngup->ngcp", w, d).reshape(n, channels * w.shape[2] * groups // channels, -1)
    below = F.fold(down, tuple(images(x).shape[2:]), **where).reshape(x.shape)
    return below, weight, delta.sum([0, *range(2, delta.dim())])
