"""Clipping that finds its own threshold: a quantile of the gradient norms that this run has had so far."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gradwell.errors import DataError, OptionError


class Clipped(NamedTuple):
    """What the clipper met: the norm before clipping, and the threshold that it was held against."""

    norm: float
    threshold: float

    @property
    def finite(self) -> bool:
        """Whether the gradients were numbers; if not, they are zeros now."""
        return math.isfinite(self.norm)


class AdaptiveClipper:
    """Scale gradients down to a quantile of the run's own gradient norms (AutoClip; Seetharaman et al. 2020).

        threshold = quantile of all norms so far, this one among them        g = g * min(1, threshold / ||g||)

    quantile: from 0 to 1; the paper's best was 0.1. history: how many norms are remembered, the latest ones; None: all. start: how many
    norms must be known before anything is clipped.

    Call it after `backward` and before the optimizer's step. A norm that is not finite is not remembered, and such gradients are
    set to zero, so that the step changes nothing but what momentum and weight decay do.
    """

    def __init__(self, quantile: float = 0.1, history: int | None = None, start: int = 1) -> None:
        if isinstance(quantile, bool) or not isinstance(quantile, int | float) or not 0 <= quantile <= 1:
            raise OptionError(f"quantile is {quantile!r}; it must be a number from 0 to 1")
        for name, value in (("history", 1 if history is None else history), ("start", start)):
            if not isinstance(value, int) or value < 1:
                raise OptionError(f"{name} is {value!r}; it must be a whole number, 1 or more")
        self.quantile, self.history, self.start = float(quantile), history, start
        self.norms: list[float] = []  # from the first to the last
        self._sorted: list[float] = []
        self.skipped = 0  # how many gradients were not finite
        self.threshold = math.inf

    @torch.no_grad()
    def __call__(self, parameters: Iterable[Tensor] | Tensor) -> Clipped:
        """Clip the gradients of the parameters in place; return the norm that they had before, and the threshold."""
        gradients = [p.grad for p in ([parameters] if isinstance(parameters, Tensor) else parameters) if p.grad is not None]
        if not gradients:
            return Clipped(0.0, self.threshold)
        norm = float(torch.nn.utils.get_total_norm(gradients))
        if not math.isfinite(norm):
            self.skipped += 1
            for g in gradients:
                g.zero_()
            return Clipped(norm, self.threshold)
        self.remember(norm)
        if norm > self.threshold:
            for g in gradients:
                g.mul_(self.threshold / norm)
        return Clipped(norm, self.threshold)

    def remember(self, norm: float) -> None:
        """One more norm; the threshold follows, between two norms in a straight line."""
        self.norms.append(norm)
        insort(self._sorted, norm)
        if self.history is not None and len(self.norms) > self.history:
            del self._sorted[bisect_left(self._sorted, self.norms.pop(0))]
        if len(self.norms) >= self.start:
            place = self.quantile * (len(self.norms) - 1)
            low, high = self._sorted[math.floor(place)], self._sorted[math.ceil(place)]
            self.threshold = low + (high - low) * (place - math.floor(place))

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on as if nothing had happened."""
        return {"quantile": self.quantile, "history": self.history, "start": self.start, "norms": list(self.norms),
                "skipped": self.skipped, "threshold": self.threshold}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        if missing := sorted(self.state_dict().keys() - state.keys()):
            raise DataError(f"the state has {', '.join(sorted(state)) or 'nothing'}; it lacks {', '.join(missing)}")
        self.quantile, self.history, self.start = state["quantile"], state["history"], state["start"]
        self.norms, self.skipped, self.threshold = list(state["norms"]), state["skipped"], state["threshold"]
        self._sorted = sorted(self.norms)
