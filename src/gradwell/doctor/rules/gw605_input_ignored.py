"""GW605: the predictions do not depend on the input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.contract import against_trivial
from gradwell.doctor.evidence import reading, tail
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class InputIgnored(Rule):
    """The net gives every example the same answer, so what it has learned is at best how common each answer is.

    Most often another fault is behind it (dead units, a collapsed signal, units that are all alike) and is named in its place. Noise, as of
    dropout, may hide it in training; it shows when the model runs again without.
    """

    code = "GW605"
    name = "input-ignored"
    kind = "warning"
    signals = (signals.OUTPUT_SPREAD, signals.TRIVIAL_LOSS, signals.EXCHANGE)
    cause = "Nothing of the input reaches the output: a layer on the way gives out a constant, or the input is multiplied away."
    remedy = ("Print the outputs of each layer for two different examples and find the first at which they are equal; "
              "gradwell.check(...) tries it on one batch.")
    source = "Ben Braiek and Khomh 2022, Testing Feedforward Neural Networks Training Programs (TOSEM), input dependency"

    constant: Annotated[float, "spread of the predictions over the batch, as a probability or relative to that of the targets"] = 1e-3
    least: Annotated[int, "looks"] = 5
    alike: Annotated[float, "largest difference of the outputs of a batch, relative to their size, in eval mode"] = 1e-6
    again: Annotated[int, "second looks"] = 2

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the predictions for different examples, in training or else in second looks."""
        found = [*self.in_training(record)]
        yield from found or self.looked_again(record)

    def looked_again(self, record: Record) -> Iterator[Finding]:
        """See whether all outputs were alike whenever the model ran again, on examples that were not."""
        for site in record.sites("call"):
            looks = [(step, look["apart"]) for step, look in record.facts(signals.EXCHANGE.name, site) if look["one_label_each"]]
            if len(looks) >= self.again and max(apart for _, apart in looks) < self.alike and learned(record).nothing:
                yield self.finding(
                    "Run again in eval mode, the model gives all examples of a batch the same output; in training, noise differs.",
                    site.where, (looks[0][0], record.steps), {"largest difference, relative": reading(looks), "looks": len(looks)})

    def in_training(self, record: Record) -> Iterator[Finding]:
        """Look at how much the predictions differ in the second half of the run."""
        for site in record.sites("loss"):
            spreads = record.series(signals.OUTPUT_SPREAD.name, site)
            if len(spreads) < self.least or not median(tail(spreads)) < self.constant or not learned(record).nothing:
                continue
            trivial = record.series(signals.TRIVIAL_LOSS.name, site)
            if not trivial or trivial[-1][1] <= 1e-6:
                continue  # all targets are alike: so may the answers be
            since = next(step for step, value in spreads if value < self.constant)
            yield self.finding(
                f"All examples of a batch get the same prediction, since step {since}.", site.where, (since, record.steps),
                {"spread of the predictions": reading(spreads), **against_trivial(record, site)})

    def example(self, sick: bool) -> Run:
        """A regression; the sick net multiplies its input by a gate that is shut."""
        import torch
        from torch import Tensor, nn

        class Gated(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.body = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))

            def forward(self, x: Tensor) -> Tensor:
                out: Tensor = self.body(x * (1e-6 if sick else 1.0))
                return out

        torch.manual_seed(0)
        x = torch.randn(240, 4)
        y = x[:, :1] - 0.5 * x[:, 1:2]
        model = Gated()
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.01), batches, nn.functional.mse_loss, epochs=10)
