"""GW103: hidden outputs far from zero mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import gains, signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class OffCenterActivation(Rule):
    """A sigmoid gives out positive numbers only, so all weights of a unit above it are pushed in the same direction at once.

    That slows learning down and is no fault in itself; tanh, or normalisation, has outputs around zero.
    """

    code = "GW103"
    name = "off-center-activation"
    kind = "note"
    signals = (signals.ACTIVATION_MEAN, signals.ACTIVATION_STD)
    cause = "The outputs of the activation lie all on one side of zero and vary little around their mean."
    remedy = "Use nn.Tanh or nn.ReLU in hidden layers, or put nn.BatchNorm1d or nn.LayerNorm before the activation."
    source = "LeCun et al. 1998, Efficient BackProp, section 4.4: why sigmoids should be symmetric about the origin"

    far: Annotated[float, "|mean| / standard deviation of a hidden layer's outputs"] = 1.2
    least: Annotated[int, "looks"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Gather the hidden sigmoids that are far off."""
        far = []
        for site in record.sites("activation"):
            mean, std = (gains.median(record, signal.name, site) for signal in self.signals)
            hidden = record.series(signals.SATURATED_SHARE.name, site)  # read of hidden, bounded activations only
            if site.type == "sigmoid" and len(hidden) >= self.least and mean is not None and std and abs(mean) > self.far * std:
                far.append((site, abs(mean) / std, hidden))
        if far:
            site, ratio, looks = max(far, key=lambda one: one[1])
            yield self.finding(
                f"The sigmoid outputs after this layer have a mean of {ratio:.2g} times their standard deviation; "
                f"{len(far)} layer{'s are' if len(far) > 1 else ' is'} far from zero.", site.where, (looks[0][0], looks[-1][0]),
                {"mean / std": {str(one.where): value for one, value, _ in far}})

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick net's hidden units are sigmoids, the healthy one's tanh."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(240) % 2
        x = torch.randn(240, 4) + 2 * y[:, None] - 1
        x = (x - x.mean(0)) / x.std(0)
        activation = nn.Sigmoid if sick else nn.Tanh
        model = nn.Sequential(nn.Linear(4, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 2))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.01), batches, nn.functional.cross_entropy, epochs=6)
