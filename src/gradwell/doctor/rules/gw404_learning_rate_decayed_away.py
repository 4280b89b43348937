"""GW404: the schedule took the learning rate to nothing early in the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding, Severity, Where
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class LearningRateDecayedAway(Rule):
    """A schedule made for epochs and stepped at every batch runs out in the first epochs; the rest of the run changes nothing.

    A warm-up from zero and a decay that ends with the run are no fault. A run that had learned before its rate was lowered
    gets a note.
    """

    code = "GW404"
    name = "learning-rate-decayed-away"
    kind = "error"
    signals = (signals.LEARNING_RATE, signals.LOSS)
    cause = "The scheduler's constants count epochs while its step() is called at every batch, or its decay is too strong."
    remedy = "Call scheduler.step() once an epoch, outside the loop over batches, or multiply its constants by the number of batches."
    source = "torch.optim documentation, How to adjust learning rate; the limit of 1e-3 is what one-cycle and cosine schedules span"
    consequences = ("GW403", "GW410")

    nothing: Annotated[float, "learning rate, relative to the highest of the run"] = 1e-3
    rest: Annotated[float, "share of the run's updates after it fell so low"] = 0.8
    far: Annotated[float, "loss at the end, relative to the trivial predictor's or, where that is unknown, to the first one"] = 0.5

    def check(self, record: Record) -> Iterator[Finding]:
        """Find the step from which on the rate is next to nothing."""
        for site in [None, *record.sites("model")]:
            rates = record.series(signals.LEARNING_RATE.name, site)
            if site is None:
                known = {step for model in record.sites("model") for step, _ in record.series(signals.LEARNING_RATE.name, model)}
                rates = [(step, rate) for step, rate in rates if step not in known]
            highest = max((rate for _, rate in rates), default=0.0)
            low = len(rates)
            while low > 0 and rates[low - 1][1] < self.nothing * highest:
                low -= 1
            if low == len(rates) or record.steps - rates[low][0] < self.rest * record.steps:
                continue
            yield self.finding(
                f"From step {rates[low][0]} of {record.steps} on the learning rate is below a thousandth of its {highest:.2g}.",
                site.where if site else Where("optimizer"), (rates[low][0], record.steps), {"learning rate": reading(rates)},
                self.severity(record))

    def severity(self, record: Record) -> Severity:
        """An error where the run had not learned much by then."""
        known = learned(record)
        goal = known.trivial if known.trivial is not None else known.first
        return "note" if goal is not None and known.last is not None and known.last < self.far * goal else "error"

    def example(self, sick: bool) -> Run:
        """A regression whose rate is to be halved at every epoch; the sick loop halves it at every batch."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = x[:, :1] - 0.5 * x[:, 1:2]
        model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 256, 32)]
        run = Run(model, torch.optim.SGD(model.parameters(), lr=0.02), batches, nn.functional.mse_loss, epochs=10)
        schedule = torch.optim.lr_scheduler.ExponentialLR(run.optimizer, 0.5)

        def loop(run: Run) -> None:
            for _ in range(run.epochs):
                for x, y in run.batches:
                    run.optimizer.zero_grad()
                    run.loss(run.model(x), y).backward()
                    run.optimizer.step()
                    if sick:
                        schedule.step()
                if not sick:
                    schedule.step()

        run.loop = loop
        return run
