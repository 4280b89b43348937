"""GW106: activations grow without bound on the way up."""

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
class SignalExplosion(Rule):
    """When every layer enlarges its input, the last layers see huge numbers, and so does the loss."""

    code = "GW106"
    name = "signal-explosion"
    kind = "warning"
    signals = (signals.BATCH_STD, signals.ORDER, signals.WEIGHT_GAIN)
    cause = "The weights are too large for the number of inputs of each unit, so every layer enlarges what it is given."
    remedy = "Begin with nn.init.kaiming_normal_(layer.weight), or put nn.BatchNorm or nn.LayerNorm between the layers."
    source = "He et al. 2015, Delving Deep into Rectifiers (arXiv 1502.01852): sqrt(2 / fan_in) is the deviation that keeps the size"
    consequences = ("GW107", "GW202", "GW204", "GW205")

    most: Annotated[float, "spread of the examples, relative to the network's input"] = 1e3

    def check(self, record: Record) -> Iterator[Finding]:
        """Follow the spread of the examples from layer to layer, as it was when training began."""
        path = spreads(record)
        above = [place for place in path if place.at_start > self.most]
        if len(path) < 3 or not above:
            return
        rows = gains.table(record)
        yield self.finding(
            f"At the input of this layer the examples differ {above[0].at_start:.1g} times as much as the network's inputs do, "
            f"after {path.index(above[0])} layers.",
            above[0].site.where, (above[0].first_step, above[0].last_step),
            {"spread of the examples": {str(place.site.where): place.at_start for place in path}, "gains": rows},
            "warning" if learned(record).nothing else "note", fix=Fix("draw the weights anew (He)", initialize))

    def example(self, sick: bool) -> Run:
        """Six ReLU layers; the sick one's weights are six times too large."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 16)
        y = (x[:, :4].sum(1) > 0).long()
        layers = [nn.Linear(16 if i == 0 else 32, 32) for i in range(6)]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
            if sick:
                layer.weight.data *= 6
        model = nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())], nn.Linear(32, 2))
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 256, 64)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=1e-2), batches, nn.functional.cross_entropy, epochs=12)
