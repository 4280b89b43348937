"""GW102: a hidden sigmoid or tanh that sits at the ends of its range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.cures import initialize
from gradwell.doctor.evidence import reading, tail
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run

STEEPEST = {"sigmoid": 0.25, "tanh": 1.0}  # the largest derivative


@dataclass(frozen=True)
class SaturatedActivation(Rule):
    """A sigmoid or tanh at the end of its range is flat there, so almost no gradient comes through it.

    Only hidden activations count: heads and gates are meant to decide.
    """

    code = "GW102"
    name = "saturated-activation"
    kind = "warning"
    signals = (signals.SATURATED_SHARE, signals.ACTIVATION_GAIN)
    cause = "The inputs of the activation are large, because the weights, or the values that enter the network, are."
    remedy = ("Standardise the inputs, begin with nn.init.xavier_uniform_, put nn.LayerNorm or nn.BatchNorm before the activation, "
              "or use nn.ReLU.")
    source = "Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks (AISTATS)"
    consequences = ("GW201", "GW410", "GW605")

    most: Annotated[float, "share of outputs beyond 95 % of the range"] = 0.9
    flat: Annotated[float, "gain of the gradient, as a share of the activation's largest derivative"] = 0.1

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the second half of the readings with both thresholds."""
        for site in record.sites("activation"):
            shares = record.series(signals.SATURATED_SHARE.name, site)
            gains = record.series(signals.ACTIVATION_GAIN.name, site)
            if len(shares) < 3 or not gains or median(tail(shares)) <= self.most:
                continue
            gain = median(tail(gains)) / STEEPEST.get(site.type, 1.0)
            if not gain < self.flat:  # NaN is no small gain
                continue
            since = next(step for step, share in shares if share > self.most)
            yield self.finding(
                f"{median(tail(shares)):.0%} of the outputs of this {site.type} are at the ends of its range, "
                f"where it lets {gain:.1%} of the gradient through that it could.",
                site.where, (since, shares[-1][0]), {"saturated share": reading(shares), "gradient gain": reading(gains)},
                "warning" if learned(record).nothing else "note", fix=Fix("draw the weights anew (He)", initialize))

    def example(self, sick: bool) -> Run:
        """A tanh net; the sick one's hidden biases are so large that every tanh is at its end for every example."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = (x[:, 0] > 0).long()
        hidden = nn.Linear(8, 32)
        if sick:
            nn.init.constant_(hidden.bias, 50.0)
        model = nn.Sequential(hidden, nn.Tanh(), nn.Linear(32, 2))
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 256, 64)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, nn.functional.cross_entropy, epochs=10)
