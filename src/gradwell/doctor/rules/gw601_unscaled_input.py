"""GW601: inputs on a scale or offset that the network cannot take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.cures import standardize
from gradwell.doctor.evidence import tail
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class UnscaledInput(Rule):
    """Initial weights and learning rates are made for inputs of about unit size; raw pixels, years or prices upset both.

    Inputs need not lie in [-1, 1]: standardised values are often larger, and are fine.
    """

    code = "GW601"
    name = "unscaled-input"
    kind = "warning"
    signals = (signals.INPUT_OFFSET, signals.INPUT_WIDEST, signals.INPUT_SCALES, signals.INPUT_RANGE)
    cause = "The values go into the network as they come from the file."
    remedy = "Standardise each feature with the training set's statistics: x = (x - x.mean(0)) / x.std(0); divide pixels by 255."
    source = ("LeCun et al. 1998, Efficient BackProp, section 4.3; the limit of 10 is TheDeepChecker's for the mean (Ben Braiek and Khomh, "
              "TOSEM 2022)")
    consequences = ("GW101", "GW102", "GW105", "GW106", "GW202", "GW203", "GW204", "GW205", "GW402", "GW410", "GW413", "GW502", "GW605")

    offset: Annotated[float, "|mean| / standard deviation of a feature"] = 10.0
    width: Annotated[float, "standard deviation of a feature, in input units; initial weights expect about 1"] = 10.0
    apart: Annotated[float, "largest over smallest standard deviation of the features"] = 1e3

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare what goes into the first layer with the three limits."""
        for site in record.sites("input"):
            offset, width, apart = (middle(record, signal.name, site) for signal in self.signals[:3])
            if offset is None or width is None or apart is None:
                continue
            faults = [text for is_so, text in (
                (width > self.width, f"a feature has a standard deviation of {width:.3g}"),
                (offset > self.offset, f"a feature's mean is {offset:.3g} times its standard deviation"),
                (apart > self.apart, f"the features' scales are {apart:.1g} times apart")) if is_so]
            if not faults:
                continue
            ranges = [value for _, value in record.facts(signals.INPUT_RANGE.name, site)]
            low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
            steps = [step for step, _ in record.series(signals.INPUT_WIDEST.name, site)]
            yield self.finding(
                f"What goes into this layer runs from {low:.4g} to {high:.4g}: {', and '.join(faults)}.",
                site.where, (steps[0], steps[-1]),
                {"range": f"{low:.4g} ... {high:.4g}", "largest standard deviation": width, "largest |mean| / std": offset,
                 "scales apart": apart},
                "warning" if learned(record).late else "note", fix=Fix("standardise the inputs", standardize, safe=True))

    def example(self, sick: bool) -> Run:
        """A tabular task; the sick run's features are a year and a price as they stand in the file."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 2)
        y = (x[:, 0] - x[:, 1] > 0).long()
        if sick:
            x = x * torch.tensor([10.0, 20_000.0]) + torch.tensor([1990.0, 150_000.0])
        model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 256, 64)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, nn.functional.cross_entropy, epochs=15)


def middle(record: Record, signal: str, site: Site) -> float | None:
    """The median of a signal's readings."""
    values = tail(record.series(signal, site), 1.0)
    return median(values) if values else None
