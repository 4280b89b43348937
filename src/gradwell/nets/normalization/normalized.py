"""What a normalisation layer saw of one batch, and what it made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradwell.nets.aligned import aligned

FAR = 1.0  # running standard deviations between a batch's mean and the running one, from which on statistics are called stale
TWICE = 2.0  # ratio of a batch's standard deviation to the running one, either way
NOTHING = 0.01  # of the largest learned scale of a layer


@dataclass(frozen=True)
class Normalized:
    """One call of a normalisation layer: y = scale * x + shift, with scale = weight / sqrt(var + eps) and shift = bias - mean * scale.

    used: "batch" where mean and var are this batch's own, "running" where they are the kept ones.
    mean, var: of this batch, of all that is normalised together, var without Bessel's correction: (channels,) for batch norm, (N, channels)
    for instance norm, (N, groups) for group norm, (N, ...) without the last axes for layer norm. RMS norm subtracts nothing: 0, and var
    is the mean square.
    running_mean, running_var: (channels,) before this batch, and next_mean, next_var after it, were the layer training; None where none
    are kept.
    scale, shift: as they were used, so laid that they broadcast to x. weight: the learned scale, or None.
    """

    name: str
    layer: str
    used: str
    eps: float
    mean: Tensor
    var: Tensor
    running_mean: Tensor | None
    running_var: Tensor | None
    next_mean: Tensor | None
    next_var: Tensor | None
    scale: Tensor
    shift: Tensor
    weight: Tensor | None

    @property
    def gap(self) -> Tensor | None:
        """|batch mean - running mean| in running standard deviations, (channels,)."""
        if self.running_mean is None or self.running_var is None:
            return None
        return (by_channel(self.mean) - self.running_mean).abs() / (self.running_var + self.eps).sqrt()

    @property
    def ratio(self) -> Tensor | None:
        """The batch's standard deviation over the running one, (channels,)."""
        if self.running_var is None:
            return None
        return ((by_channel(self.var) + self.eps) / (self.running_var + self.eps)).sqrt()

    @property
    def flags(self) -> dict[str, Tensor]:
        """What to look at, as masks.

        "constant", like var: var is no larger than eps, so that eps decides and not the data. "silent", like weight: the learned scale is
        below a hundredth of the layer's largest. "stale", (channels,): gap above 1, or ratio above 2 or below 1/2.
        """
        found = {"constant": self.var <= self.eps}
        if self.weight is not None:
            found["silent"] = self.weight.abs() < NOTHING * self.weight.abs().max()
        gap, ratio = self.gap, self.ratio
        if gap is not None and ratio is not None:
            found["stale"] = (gap > FAR) | (ratio > TWICE) | (ratio < 1 / TWICE)
        return found


def by_channel(statistic: Tensor) -> Tensor:
    """(channels,), from (channels,) or the mean over the examples of (N, channels)."""
    return statistic if statistic.dim() == 1 else statistic.mean(0)


@dataclass(frozen=True)
class Statistics:
    """Every call of a normalisation layer in the order of the forward pass, and the layers that it never reached; prints as a table."""

    layers: tuple[Normalized, ...]
    unreached: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Normalized:
        """A layer by its path in the model; the first call of one that is called several times."""
        return {one.name: one for one in reversed(self.layers)}[name]

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("layer", "", "by", "mean", "std", "running mean", "running std", "gap", "flags")]
        for one in self.layers:
            running = [""] * 2 if one.running_mean is None or one.running_var is None else [
                reach(one.running_mean), reach(one.running_var.sqrt())]
            flags = ", ".join(f"{int(mask.sum())} of {mask.numel()} {name}" for name, mask in one.flags.items() if bool(mask.any()))
            rows.append((one.name or "model", one.layer, one.used, reach(one.mean), reach(one.var.sqrt()), *running,
                         "" if one.gap is None else f"{float(one.gap.max()):.3g}", flags))
        lines = aligned(rows, 3)
        return "\n".join([*lines, *missing(self.unreached)])


def reach(values: Tensor) -> str:
    """The smallest and the largest value."""
    low, high = torch.aminmax(values)
    return f"{float(low):.3g}" if low == high else f"{float(low):.3g} .. {float(high):.3g}"


def missing(names: Sequence[str]) -> list[str]:
    """A line for layers that were not reached, if there are any."""
    return [f"not reached: {', '.join(names)}"] if names else []
