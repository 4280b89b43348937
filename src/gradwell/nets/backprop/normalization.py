"""How a gradient goes down through a normalisation: what would only shift or scale its inputs is taken out of it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gradwell.nets.normalization.together import Together


def backward(layer: Any, x: Tensor, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What goes down from delta: dL/dx like x, and dL/dgamma and dL/dbeta like the layer's weight and bias.

    With y = (x - mean) / s and g = gamma * delta:  dL/dx = (g - mean(g) - y mean(g y)) / s, means over what was normalised together.
    With kept statistics (batch norm in eval mode) mean and s are constants: dL/dx = g / s.
    """
    kept = not isinstance(layer, (nn.LayerNorm, nn.GroupNorm)) and not layer.training and layer.running_mean is not None
    view = Together(layer, x)
    z, g = view.fold(x), view.fold(delta * view.along(layer.weight, 1.0))
    if kept:
        s = (layer.running_var + layer.eps).sqrt()[:, None]
        y = (z - layer.running_mean[:, None]) / s
        below = g / s
    else:
        s = (z.var(-1, correction=0, keepdim=True) + layer.eps).sqrt()
        y = (z - z.mean(-1, keepdim=True)) / s
        below = (g - g.mean(-1, keepdim=True) - y * (g * y).mean(-1, keepdim=True)) / s
    rest = list(range(x.dim() - len(layer.normalized_shape))) if isinstance(layer, nn.LayerNorm) else [0, *range(2, x.dim())]
    return view.unfold(below), (delta * view.unfold(y)).sum(rest), delta.sum(rest)
