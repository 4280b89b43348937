"""GW503: batch normalisation takes its statistics of very few values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class BatchnormSmallBatch(Rule):
    """The mean and variance of two or three values are mostly noise, and batch normalisation divides by them.

    What counts is how many values each channel has: examples times positions. The last, incomplete batch of an epoch is not meant.
    """

    code = "GW503"
    name = "batchnorm-small-batch"
    kind = "error"
    signals = (signals.BATCH_VALUES,)
    cause = "The batches are too small for statistics of a batch."
    remedy = ("Use larger batches, or a normalisation that needs no batch: nn.GroupNorm(8, channels) after convolutions, "
              "nn.LayerNorm(width) after linear layers.")
    source = "Wu and He 2018, Group Normalization (arXiv 1803.08494), figure 1: the error of batch norm grows as batches shrink"
    consequences = ("GW413", "GW504")

    few: Annotated[float, "values of each channel in a batch (median over the looks)"] = 3.0
    least: Annotated[int, "looks"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the layer with the fewest values."""
        found = [(median(value for _, value in series), site, series) for site in record.sites("normalization")
                 if len(series := record.series(signals.BATCH_VALUES.name, site)) >= self.least]
        if not found:
            return
        values, site, series = min(found, key=lambda one: one[0])
        if values > self.few:
            return
        layers = sum(one[0] <= self.few for one in found)
        yield self.finding(
            f"Batch normalisation after this layer takes mean and variance of {values:.0f} values of each channel.", site.where,
            (series[0][0], series[-1][0]), {"values of each channel": values, "layers of which that is so": layers})

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick run's batches have two examples."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(240) % 2
        x = torch.randn(240, 4) + 2 * y[:, None] - 1
        x = (x - x.mean(0)) / x.std(0)
        size = 2 if sick else 24
        model = nn.Sequential(nn.Linear(4, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
        batches = [(x[i:i + size], y[i:i + size]) for i in range(0, 240, size)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.02), batches, nn.functional.cross_entropy, epochs=1 if sick else 10)
