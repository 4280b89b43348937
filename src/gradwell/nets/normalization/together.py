"""What a normalisation layer normalises together, and how its statistics and its learned scale lie along its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

ROWS = (nn.LayerNorm, nn.RMSNorm)  # these normalise an example's last axes together


@dataclass(frozen=True)
class Together:
    """A view of x in which what is normalised together lies along the last axis: `fold` makes it, `unfold` takes it back."""

    layer: Any
    x: Tensor

    def fold(self, t: Tensor) -> Tensor:
        """(..., values that are normalised together)."""
        if isinstance(self.layer, ROWS):
            return t.flatten(-len(self.layer.normalized_shape))
        if isinstance(self.layer, nn.GroupNorm):
            return t.reshape(len(t), self.layer.num_groups, -1)
        if isinstance(self.layer, _InstanceNorm):
            return t.flatten(2)
        return t.transpose(0, 1).flatten(1)  # batch norm: (channels, examples * places)

    def unfold(self, t: Tensor) -> Tensor:
        """Like x again."""
        if isinstance(self.layer, (*ROWS, nn.GroupNorm, _InstanceNorm)):
            return t.reshape(self.x.shape)
        return t.reshape(self.x.transpose(0, 1).shape).transpose(0, 1)

    def spread(self, statistic: Tensor) -> Tensor:
        """A statistic, which is `fold(x)` without its last axis, along the axes of x, so that it broadcasts to x."""
        if isinstance(self.layer, ROWS):
            return statistic.reshape(*statistic.shape, *[1] * len(self.layer.normalized_shape))
        if isinstance(self.layer, nn.GroupNorm):
            statistic = statistic.repeat_interleave(self.layer.num_channels // self.layer.num_groups, 1)
        places = [1] * (self.x.dim() - 2)
        return statistic.reshape(*([1] if statistic.dim() == 1 else []), *statistic.shape, *places)

    def along(self, parameter: Tensor | None, otherwise: float) -> Tensor:
        """A learned scale or shift along the axes of x; a number where there is none."""
        if parameter is None:
            return self.x.new_full((), otherwise)
        return parameter if isinstance(self.layer, ROWS) else parameter.reshape(1, -1, *[1] * (self.x.dim() - 2))
