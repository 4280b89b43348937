"""GW904: batch normalisation on each rank by itself, of too few values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.ranks import ranks
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.together import Together


@dataclass(frozen=True)
class UnsynchronisedBatchnorm(Rule):
    """Batch normalisation takes its statistics of the batch of one rank only, however large the batch of all ranks together is.

    With few examples on each rank the mean and the variance are mostly noise, and another one on every rank. What counts is how many
    values each channel has on a rank: examples times positions. With a few more than that it is a note.
    """

    code = "GW904"
    name = "unsynchronised-batchnorm"
    kind = "error"
    signals = (signals.BATCH_VALUES, signals.SHARING)
    cause = "The batch is dealt out to so many ranks that too few examples are left on each, and the ranks do not share their statistics."
    remedy = ("On GPUs, share them: model = nn.SyncBatchNorm.convert_sync_batchnorm(model) before DDP. Or give each rank more examples, or "
              "use a normalisation that needs no batch, such as nn.GroupNorm.")
    source = "Peng et al. 2018, MegDet (arXiv 1711.07240), section 3.3; Wu and He 2018, Group Normalization (arXiv 1803.08494), figure 1"
    consequences = ("GW413", "GW503", "GW504")

    few: Annotated[float, "values of each channel on a rank (median over the looks)"] = 3.0
    noisy: Annotated[float, "values of each channel on a rank, below which it is a note"] = 16.0
    least: Annotated[int, "looks"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the layer and the rank with the fewest values."""
        together = ranks(record)
        shared = any(fact["kind"] in ("DDP", "FSDP") for _, fact in record.facts(signals.SHARING.name))
        found = [(median(value for _, value in series), rank, site, series)
                 for rank, one in together.items() for site in one.sites("normalization")
                 if len(series := one.series(signals.BATCH_VALUES.name, site)) >= self.least]
        if not found or not shared or len(together) < 2:
            return
        values, rank, site, series = min(found, key=lambda one: one[0])
        if values >= self.noisy:
            return
        layers = len({one[2].id for one in found if one[1] == rank and one[0] < self.noisy})
        yield self.finding(
            f"Batch normalisation after this layer takes mean and variance of {values:.0f} values of each channel on a rank.",
            site.where, (series[0][0], series[-1][0]),
            {"values of each channel on a rank": values, "on all ranks together": values * len(together), "ranks": len(together),
             "layers of which that is so": layers}, "error" if values <= self.few else "note")

    def example(self, sick: bool) -> Run:
        """Two blobs on two ranks; in the sick run each rank has two examples in a batch."""
        import torch
        from torch import distributed, nn
        from torch.nn.parallel import DistributedDataParallel

        def train(run: Run) -> None:
            model = DistributedDataParallel(run.model)
            for _ in range(run.epochs):
                for x, y in list(run.batches)[distributed.get_rank()::2]:
                    run.optimizer.zero_grad()
                    run.loss(model(x), y).backward()
                    run.optimizer.step()

        torch.manual_seed(0)
        y = torch.arange(480) % 2
        x = torch.randn(480, 4) + 2 * y[:, None] - 1
        x = (x - x.mean(0)) / x.std(0)
        size = 2 if sick else 24
        model = nn.Sequential(nn.Linear(4, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
        batches = [(x[i:i + size], y[i:i + size]) for i in range(0, 480, size)]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
        return Run(model, optimizer, batches, nn.functional.cross_entropy, epochs=1 if sick else 10, loop=Together(self.code, sick, train))
