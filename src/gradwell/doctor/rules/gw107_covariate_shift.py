"""GW107: what a layer takes in moves faster than the layer can follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading, tail
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import finite
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class CovariateShift(Rule):
    """Each update of the layers below changes the inputs of the layer above, which then has to learn anew what it knew.

    Counted is the way that the mean and the spread of the median unit go in one step, in standard deviations, beyond what the choice of
    the batch makes of them, and beyond the way of the data itself.
    """

    code = "GW107"
    name = "covariate-shift"
    kind = "note"
    signals = (signals.DRIFT,)
    cause = "The layers below learn fast, and no normalisation holds their outputs in place."
    remedy = "Put nn.BatchNorm1d, nn.BatchNorm2d or nn.LayerNorm before the activations, or lower the learning rate."
    source = ("Ioffe and Szegedy 2015, Batch Normalization (arXiv 1502.03167), section 2; that it explains why batch norm helps is "
              "disputed (Santurkar et al. 2018, arXiv 1805.11604), so this is a note")

    fast: Annotated[float, "standard deviations per step, in the median look of the whole run and of its second half"] = 0.35
    apart: Annotated[float, "times the way of the data itself"] = 3.0
    least: Annotated[int, "looks"] = 10

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for the layer whose inputs move fastest."""
        ways = [median(tail(series)) for site in record.sites("input") if (series := finite(record.series(signals.DRIFT.name, site)))]
        found = [(min(median(tail(series, 1)), median(tail(series))), site, series) for site in record.sites("layer")
                 if len(series := finite(record.series(signals.DRIFT.name, site))) >= self.least]
        if not found:
            return
        speed, site, series = max(found, key=lambda one: one[0])
        if speed < max(self.fast, self.apart * max(ways, default=0.0)):
            return
        yield self.finding(
            f"With every step the inputs of this layer move by {speed:.2g} of their own standard deviation.", site.where,
            (series[0][0], series[-1][0]), {"standard deviations per step": reading(series),
                                            "layers of which that is so": sum(one[0] >= self.fast for one in found)})

    def example(self, sick: bool) -> Run:
        """Two blobs on a net of eleven layers that learns fast; the healthy one is normalised."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(1024) % 2
        x = torch.randn(1024, 8) + 1.2 * y[:, None] - 0.6
        x = (x - x.mean(0)) / x.std(0)
        layers: list[nn.Module] = []
        for width in (8, *[16] * 9):
            layers += [nn.Linear(width, 16, bias=sick), *([] if sick else [nn.BatchNorm1d(16)]), nn.ReLU()]
        model = nn.Sequential(*layers, nn.Linear(16, 2))
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
        batches = [(x[i:i + 256], y[i:i + 256]) for i in range(0, 1024, 256)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.05), batches, nn.functional.cross_entropy, epochs=6)
