"""GW412: weight decay pulls harder than the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import finite, learned
from gradwell.doctor.motion import update_sizes, way
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class RegularizationDominates(Rule):
    """Where the pull of weight decay is many times that of the loss, the weights shrink to nothing whatever the data say.

    Where training on all data at once has come to its end the two are equal and opposite, so a ratio of 1 is no fault.
    """

    code = "GW412"
    name = "regularization-dominates"
    kind = "warning"
    signals = (signals.DECAY_PULL, signals.LOSS, signals.TERM_LOSS)
    cause = "The optimizer's weight_decay is far too large for these gradients."
    remedy = "Lower weight_decay: 1e-4 is usual for SGD, 1e-2 for AdamW."
    source = "Krogh and Hertz 1991, A Simple Weight Decay Can Improve Generalization; the ratio of 10 is TheDeepChecker's (TOSEM 2022)"
    consequences = ("GW105", "GW201", "GW402", "GW403", "GW410", "GW605")

    strong: Annotated[float, "pull of the decay, relative to that of the loss, on the median weight matrix"] = 10.0
    mostly: Annotated[float, "share of the updates looked at"] = 0.5
    moved: Annotated[float, "sum of the updates of the median weight matrix, relative to its size"] = 1.0
    least: Annotated[int, "updates looked at"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the two pulls over the run's second half."""
        pulls: dict[int, list[float]] = {}
        for site in record.sites("parameter"):
            for step, value in record.series(signals.DECAY_PULL.name, site):
                pulls.setdefault(step, []).append(value)
        series = [(step, median(values)) for step, values in sorted(pulls.items())]
        strong = [step for step, value in series if value > self.strong]
        if len(series) < self.least or len(strong) < self.mostly * len(series) or not learned(record).nothing:
            return
        if way(update_sizes(record), record.steps) < self.moved:
            return  # the decay is weak; it is the gradient that is next to nothing
        known = finite(series)
        yield self.finding(
            f"In {len(strong)} of {len(series)} updates looked at weight decay pulls more than {self.strong:.0f} times as hard "
            "as the loss, and the run learns nothing.",
            record.sites("model")[0].where if record.sites("model") else Where("optimizer"), (strong[0], record.steps),
            {"pull of the decay / of the loss": reading(known or series)}, fix=Fix("divide weight_decay by 100,000", relax))

    def example(self, sick: bool) -> Run:
        """A regression by gradient descent; the sick optimizer's weight decay is far too large."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = x[:, :1] - 0.5 * x[:, 1:2]
        model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 256, 32)]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=50.0 if sick else 1e-4)
        return Run(model, optimizer, batches, nn.functional.mse_loss, epochs=8)


def relax(run: Run) -> None:
    """Divide weight_decay by 100,000."""
    for group in run.optimizer.param_groups:
        group["weight_decay"] /= 100_000
