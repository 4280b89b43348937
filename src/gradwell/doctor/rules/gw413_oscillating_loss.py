"""GW413: the loss swings without getting anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.cures import slow_down
from gradwell.doctor.evidence import reading, tail
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import certainty, course, learned, swing
from gradwell.doctor.motion import update_sizes
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class OscillatingLoss(Rule):
    """Updates that overshoot throw the loss up and down around a goal that it never comes to.

    Losses of small batches always differ a little. Swings count when they are as large as all there is to learn, without a trend, in a
    run that learns nothing while its updates are sizeable.
    """

    code = "GW413"
    name = "oscillating-loss"
    kind = "warning"
    signals = (signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS, signals.UPDATE_RATIO)
    cause = "The updates are too large: each lands beyond the minimum that it was to approach."
    remedy = "Lower the learning rate by a factor of 3 to 10, let it decay, lower the momentum, or use larger batches."
    source = "LeCun et al. 1998, Efficient BackProp, section 4.6: learning rates above the critical one make the loss oscillate or diverge"
    consequences = ("GW203",)

    wide: Annotated[float, "standard deviation of the loss about its trend, relative to the trivial predictor's loss"] = 0.5
    sizeable: Annotated[float, "size of the updates relative to the weights"] = 0.02
    still: Annotated[float, "standard errors below which there is no trend"] = 3.0
    least: Annotated[int, "readings of the loss"] = 30

    def check(self, record: Record) -> Iterator[Finding]:
        """Measure the swings of the run's second half."""
        losses, known, sizes = course(record), learned(record), update_sizes(record)
        half = losses[len(losses) // 2:]
        if len(losses) < self.least or not sizes or known.trivial is None or not known.nothing or abs(certainty(half)) > self.still:
            return
        width, size = swing(half), median(tail(sizes))
        if width < self.wide * known.trivial or size < self.sizeable:
            return
        yield self.finding(
            f"In the second half of the run the loss swings by {width:.3g} about its mean of {known.last:.3g}, without a trend; a "
            f"predictor that ignores the input has {known.trivial:.3g}.",
            next(iter(record.sites("loss"))).where, (half[0][0], record.steps),
            {"loss": reading(losses), "update / weights": f"{size:.2g}"}, fix=Fix("divide the learning rate by 10", slow_down))

    def example(self, sick: bool) -> Run:
        """A regression by gradient descent with momentum; the sick rate is just below the one at which it diverges."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = x[:, :1] - x[:, 1:2] * x[:, 2:3]
        model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 256, 32)]
        optimizer = torch.optim.Adam(model.parameters(), lr=1.0 if sick else 0.01)
        return Run(model, optimizer, batches, nn.functional.mse_loss, epochs=15)
