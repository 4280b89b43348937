"""GW702: the gradient grows on its way back through time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.cures import remember
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.through_time import courses


@dataclass(frozen=True)
class TemporalExplodingGradient(Rule):
    """The gradient of an early step is a product with one factor for each step after it; factors above 1 make it grow without bound.

    One update along such a gradient throws the weights far away, and the loss jumps.
    """

    code = "GW702"
    name = "temporal-exploding-gradient"
    kind = "warning"
    signals = (signals.GRADIENT_BY_STEP, signals.READ, signals.LOSS)
    cause = "Every step multiplies the gradient by W_hh^T diag(f'), which is larger than 1 here."
    remedy = ("Clip with torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0), begin with nn.init.orthogonal_(rnn.weight_hh_l0), and "
              "prefer tanh to ReLU, or nn.LSTM or nn.GRU; or cut long sequences.")
    source = "Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent neural networks (arXiv 1211.5063)"
    consequences = ("GW106", "GW202", "GW203", "GW204", "GW205", "GW402", "GW413")

    most: Annotated[float, "gradient at the first step, relative to that at the last"] = 1e3
    factor: Annotated[float, "growth of the gradient per step"] = 1.1
    jump: Annotated[float, "highest loss, relative to the first"] = 2.0

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the first step's gradient with the last one's; the loss is the second witness."""
        for course in courses(record):
            grown = course.first / course.last if course.last > 0 else 0.0
            if grown <= self.most or course.per_step <= self.factor:
                continue
            losses = record.series(signals.LOSS.name)
            values = [value for _, value in losses]
            start = statistics.median(values[:3]) if values else math.nan
            jumped = any(not math.isfinite(value) or value > self.jump * abs(start) for value in values)
            yield self.finding(
                f"The gradient at the first of {course.steps} steps is {grown:.2g} times that at the last; "
                f"each step multiplies it by {course.per_step:.2f}.",
                course.site.where, course.looks,
                {"first step / last": grown, "factor per step": course.per_step, "steps": course.steps, "loss": reading(losses)},
                "warning" if jumped and learned(record).late else "note",
                fix=Fix("orthogonal recurrent weights, open forget gates", remember))
            return

    def example(self, sick: bool) -> Run:
        """The mean of a sequence; the sick ReLU network's recurrent weights are one and a half times as large as orthogonal ones."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(128, 24, 2)
        y = x[:, :, :1].mean(1) * 3

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rnn = nn.RNN(2, 16, nonlinearity="relu", batch_first=True)
                self.head = nn.Linear(16, 1)
                nn.init.eye_(self.rnn.get_parameter("weight_hh_l0"))
                if sick:
                    nn.init.eye_(self.rnn.get_parameter("weight_hh_l0")).data.mul_(1.6)

            def forward(self, x: torch.Tensor) -> Any:
                return self.head(self.rnn(x)[0][:, -1])

        model = Net()
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 128, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.003), batches, nn.functional.mse_loss, epochs=10)
