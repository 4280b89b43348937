"""GW505: a bias that batch normalisation takes away again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class BiasBeforeBatchnorm(Rule):
    """Batch normalisation subtracts each channel's mean, and with it any bias that the layer before it has added.

    It does no harm beyond the memory and time that the bias takes.
    """

    code = "GW505"
    name = "bias-before-batchnorm"
    kind = "note"
    signals = (signals.BIASED,)
    cause = "The layer was built with its default, bias=True."
    remedy = "Build layers that batch normalisation follows with bias=False; its own bias takes that place."
    source = "Ioffe and Szegedy 2015, Batch Normalization (arXiv 1502.03167), section 3.2: the bias b can be ignored"

    def check(self, record: Record) -> Iterator[Finding]:
        """Gather all such layers."""
        found = [(site, series) for site in record.sites("normalization")
                 if (series := record.series(signals.BIASED.name, site)) and series[-1][1] == 1]
        if found:
            site, series = found[0]
            yield self.finding(
                f"The bias of {len(found)} layer{'s' if len(found) > 1 else ''} is taken away by the batch normalisation that follows.",
                site.where, (series[0][0], series[-1][0]), {"layers": [one.module for one, _ in found]})

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick net's hidden layer has a bias."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(240) % 2
        x = torch.randn(240, 4) + 2 * y[:, None] - 1
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(4, 16, bias=sick), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, nn.functional.cross_entropy, epochs=6)
