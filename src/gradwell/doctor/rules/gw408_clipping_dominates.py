"""GW408: nearly every step is clipped to a small part of its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.learned import finite, learned
from gradwell.doctor.ranks import gradient_norms
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class ClippingDominates(Rule):
    """Clipping is for rare large gradients; where it cuts every one to a tenth or less, the threshold is the true learning rate.

    Optimizers that divide by the gradient's size (Adam) hardly notice, and a run that learns is well: then nothing is said. Clipping
    that holds off an explosion is the explosion's consequence.
    """

    code = "GW408"
    name = "clipping-dominates"
    kind = "warning"
    signals = (signals.CLIPPED, signals.GRADIENT_NORM, signals.SHARD_NORM, signals.LOSS)
    cause = "The threshold is far below the usual norm of the gradient, or the gradient is far too large."
    remedy = "Clip at about the usual norm, {usual:.2g} here, or find out why gradients are so large: inputs, targets, initial weights."
    source = "Pascanu et al. 2013 (arXiv 1211.5063), section 3.2: a threshold of the order of the average norm of many updates"

    share: Annotated[float, "share of the clippings looked at that cut hard"] = 0.9
    hard: Annotated[float, "threshold, relative to the norm"] = 0.1
    least: Annotated[int, "clippings looked at"] = 5

    def check(self, record: Record) -> Iterator[Finding]:
        """Count the clippings that left less than a tenth, in a run that learned nothing."""
        shares = finite(record.series(signals.CLIPPED.name))
        cut = [step for step, share in shares if share < self.hard]
        if len(shares) < self.least or len(cut) < self.share * len(shares) or not learned(record).nothing:
            return
        norms = finite(gradient_norms(record))
        usual = median(norm for _, norm in norms)
        yield self.finding(
            f"{len(cut)} of {len(shares)} gradients looked at were cut to less than a tenth, to {median(s for _, s in shares):.1%} at the "
            "median, and the run learns nothing.",
            record.sites("model")[0].where if record.sites("model") else Where("optimizer"), (cut[0], record.steps),
            {"threshold / norm": reading(shares), "gradient norm": reading(norms)}, remedy=self.remedy.format(usual=usual))

    def example(self, sick: bool) -> Run:
        """A regression by gradient descent; the sick loop clips at a ten thousandth of the usual norm."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = x[:, :1] - 0.5 * x[:, 1:2]
        model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))

        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 256, 32)]

        def loop(run: Run) -> None:
            for _ in range(run.epochs):
                for x, y in run.batches:
                    run.optimizer.zero_grad()
                    run.loss(run.model(x), y).backward()
                    torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-4 if sick else 10.0)
                    run.optimizer.step()

        return Run(model, optimizer, batches, nn.functional.mse_loss, epochs=8, loop=loop)
