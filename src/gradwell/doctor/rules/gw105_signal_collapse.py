"""GW105: the examples become indistinguishable on the way up."""

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
from gradwell.doctor.spread import blocked, spreads


@dataclass(frozen=True)
class SignalCollapse(Rule):
    """When every layer makes the examples more alike, the last layer cannot tell them apart and there is nothing to learn from.

    What counts is how much the examples differ, not how large the values are: a bias is large and says nothing about the input.
    """

    code = "GW105"
    name = "signal-collapse"
    kind = "warning"
    signals = (signals.BATCH_STD, signals.ORDER, signals.WEIGHT_GAIN, signals.ACTIVATION_GAIN)
    cause = "The weights are too small for the number of inputs of each unit, so every layer shrinks what its input says."
    remedy = "Begin with nn.init.kaiming_normal_(layer.weight) and zero biases, or put nn.BatchNorm or nn.LayerNorm between the layers."
    source = ("He et al. 2015, Delving Deep into Rectifiers (arXiv 1502.01852); Schoenholz et al. 2017, Deep Information Propagation "
              "(arXiv 1611.01232)")

    consequences = ("GW101", "GW107", "GW410", "GW605")

    least: Annotated[float, "spread of the examples, relative to the network's input"] = 1e-3

    def check(self, record: Record) -> Iterator[Finding]:
        """Follow the spread of the examples from layer to layer."""
        path = spreads(record)
        below = [place for place in path if place.relative < self.least]
        if len(path) < 3 or not below or blocked(record):
            return  # a layer whose units are all dead is GW101's
        rows = gains.table(record)
        weights, activation = gains.typical(rows)
        other = {}
        if gains.culprit(record, rows) == "activation":
            other = {"cause": f"The activations' derivative scales the signal by {activation:.2g} per layer, the weights by {weights:.2g}.",
                     "remedy": "Use nn.ReLU with nn.init.kaiming_normal_, or put nn.BatchNorm or nn.LayerNorm between the layers."}
        yield self.finding(
            f"At the input of this layer the examples differ {below[0].relative:.1g} times as much as the network's inputs do, "
            f"after {path.index(below[0])} layers.",
            below[0].site.where, (below[0].first_step, below[0].last_step),
            {"spread of the examples": {str(place.site.where): place.relative for place in path}, "gains": rows},
            "warning" if learned(record).late else "note", fix=Fix("draw the weights anew (He)", initialize), **other)

    def example(self, sick: bool) -> Run:
        """Six ReLU layers; the sick one's weights have a tenth of the standard deviation that keeps the signal."""
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
                layer.weight.data *= 0.1
        model = nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())], nn.Linear(32, 2))
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 256, 64)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.05), batches, nn.functional.cross_entropy, epochs=12)
