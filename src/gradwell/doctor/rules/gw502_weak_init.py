"""GW502: initial weights far too small or too large for their fan-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import gains, signals
from gradwell.doctor.cures import initialize
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.spread import spreads


@dataclass(frozen=True)
class WeakInit(Rule):
    """A layer multiplies the size of its input by about std(W) * sqrt(fan-in); far from 1, layer upon layer, the signal dies or explodes.

    Weights are judged by what they do: it is named only where the examples' spread is lost, or multiplied, or the activations sit at
    their ends from the first step on.
    """

    code = "GW502"
    name = "weak-init"
    kind = "warning"
    signals = (signals.FIRST_SCALE, signals.BATCH_STD, signals.SATURATED_SHARE)
    cause = "The weights were drawn with a standard deviation that does not depend on how many inputs a unit has."
    remedy = ("Draw them by fan-in: nn.init.kaiming_normal_(layer.weight) for ReLU, nn.init.xavier_normal_(layer.weight) for tanh and "
              "sigmoid, or W = torch.randn(n_in, n_out) / n_in ** 0.5; zero biases.")
    source = "Glorot and Bengio 2010 (AISTATS); He et al. 2015, Delving Deep into Rectifiers (arXiv 1502.01852)"
    consequences = ("GW101", "GW102", "GW105", "GW106", "GW107", "GW201", "GW202", "GW402", "GW410", "GW605")

    small: Annotated[float, "std * sqrt(fan-in); the weights that keep a signal's size have about 1"] = 0.2
    large: Annotated[float, "the same, of weights that are too large"] = 5.0
    lost: Annotated[float, "spread of the examples at the last layer, relative to the input, at the first steps"] = 1e-3
    pinned: Annotated[float, "share of a bounded activation's outputs at its ends, at the first look"] = 0.5

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the first weights of the hidden layers, and at what became of the signal."""
        layers = [site for site in gains.ordered(record) if site.kind == "layer"][:-1]
        scales = [(site, series[0][1]) for site in layers if (series := record.series(signals.FIRST_SCALE.name, site)) and series[0][1] > 0]
        odd = [(site, scale) for site, scale in scales if scale < self.small or scale > self.large]
        if 2 * len(odd) < len(scales) or not odd or not learned(record).late:
            return
        places = spreads(record)
        carried = places[-1].at_start if places else 1.0
        ends = max((series[0][1] for site in record.sites("activation") if (series := record.series(signals.SATURATED_SHARE.name, site))),
                   default=0.0)
        small = odd[0][1] < self.small
        if not (carried < self.lost if small else carried * self.lost > 1 or ends > self.pinned):
            return
        site, scale = odd[0]
        did = f"the examples' spread at the last layer is {carried:.1g} times the input's" if small or ends <= self.pinned else (
            f"{ends:.0%} of the activations' outputs sit at their ends")
        yield self.finding(
            f"The first weights of {len(odd)} of {len(scales)} hidden layers have {scale:.2g} times the standard deviation 1/sqrt(fan-in): "
            f"{did}.", site.where, (1, record.steps),
            {"std * sqrt(fan-in)": {str(one.where): value for one, value in odd}, "spread at the last layer": carried,
             "at the ends": ends}, fix=Fix("draw the weights anew by fan-in", initialize))

    def example(self, sick: bool) -> Run:
        """Six layers of ReLU; all weights of the sick net have the standard deviation 0.01."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 16)
        y = (x[:, :4].sum(1) > 0).long()
        body = [part for i in range(6) for part in (nn.Linear(16 if i == 0 else 32, 32), nn.ReLU())]
        model = nn.Sequential(*body, nn.Linear(32, 2))
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 256, 64)]
        run = Run(model, torch.optim.SGD(model.parameters(), lr=0.05), batches, nn.functional.cross_entropy, epochs=12)
        initialize(run)
        if sick:
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    nn.init.normal_(parameter, std=0.01)
        return run
