"""How fast the distribution of what a layer takes in moves while the layers before it learn."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gradwell.doctor import signals
from gradwell.watch import sample

LEAST = 8  # examples of which a mean and a spread say something
DIMENSIONS = (2, 4)  # of inputs whose values mean the same in every batch: features, and images


@dataclass(frozen=True)
class Look:
    """The mean and the standard deviation of each unit over the examples of one batch."""

    step: int
    examples: int
    mean: Tensor
    std: Tensor


class Drift:
    """Remembers what each layer took in when it was looked at last."""

    def __init__(self) -> None:
        self._last: dict[int, Look] = {}

    def since(self, site: int, x: Tensor, step: int) -> Tensor | None:
        """The way per step since the last look at a site; None the first time, or where the two cannot be compared."""
        if x.dim() not in DIMENSIONS or len(x) < LEAST:
            return None
        table = sample.examples(x)
        now = Look(step, len(table), table.mean(0), signals.spread(table))
        before, self._last[site] = self._last.get(site), now
        if before is None or before.mean.shape != now.mean.shape or before.step == step:
            return None
        far = signals.moved(before.mean, before.std, now.mean, now.std, min(before.examples, now.examples))
        return far / (step - before.step)
