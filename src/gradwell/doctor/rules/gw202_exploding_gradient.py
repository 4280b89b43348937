"""GW202: the gradient's norm grows without bound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import gains, signals
from gradwell.doctor.cures import slow_down
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.ranks import gradient_norms
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class ExplodingGradient(Rule):
    """When each update makes the next gradient larger, the steps grow until the loss runs away.

    A large gradient is no fault; one that grows to many times its own running median, while the loss rises, is. Norms are those
    before clipping.
    """

    code = "GW202"
    name = "exploding-gradient"
    kind = "warning"
    signals = (signals.GRADIENT_NORM, signals.SHARD_NORM, signals.LOSS, signals.LEARNING_RATE, signals.UPDATE_RATIO)
    cause = "The updates overshoot: each one lands where the loss is steeper than before."
    remedy = ("Lower the learning rate, or clip with `torch.nn.utils.clip_grad_norm_(model.parameters(), {threshold:.2g})` before "
              "`optimizer.step()`.")
    source = "Pascanu et al. 2013, On the difficulty of training recurrent neural networks (arXiv 1211.5063); Bengio et al. 1994"
    consequences = ("GW102", "GW107", "GW204", "GW205")

    growth: Annotated[float, "gradient norm, relative to the median of all before it"] = 10.0
    patience: Annotated[int, "readings in a row"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Find where the norm leaves its own history for good."""
        norms = gradient_norms(record)
        losses = record.series(signals.LOSS.name)
        if len(norms) < self.patience or not losses or not math.isfinite(norms[0][1]):
            return
        run, since, usual = 0, 0, norms[0][1]
        for i in range(1, len(norms)):
            history = median(value for _, value in norms[:i] if math.isfinite(value)) if run == 0 else usual
            step, norm = norms[i]
            if run == 0 and not math.isfinite(norm):
                return  # a NaN or infinity from nowhere did not grow
            if norm <= self.growth * history:
                run = 0
                continue
            run, since, usual = run + 1, step if run == 0 else since, history
        ends = [value for _, value in losses[-3:]]
        rose = any(not math.isfinite(value) for value in ends) or median(ends) > max(losses[0][1], 0) * 2
        if run < self.patience or not rose or not learned(record).nothing:
            return
        place = record.sites("model")[0].where if record.sites("model") else Where("model")
        peak = max((value for _, value in norms if math.isfinite(value)), default=math.inf)
        yield self.finding(
            f"From step {since} on the gradient's norm grows from {usual:.2g}, its median until then, to {peak:.2g}, "
            "and the loss rises with it.",
            place, (since, norms[-1][0]),
            {"gradient norm": reading(norms), "loss": reading(losses), "gains": gains.table(record)},
            remedy=self.remedy.format(threshold=usual), fix=Fix("divide the learning rate by 10", slow_down))

    def example(self, sick: bool) -> Run:
        """A regression by gradient descent; the sick run's rate is just beyond the one at which it diverges."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = x[:, :1] - x[:, 1:2] * x[:, 2:3]
        model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 256, 64)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=1.0 if sick else 0.05), batches, nn.functional.mse_loss, epochs=15)
