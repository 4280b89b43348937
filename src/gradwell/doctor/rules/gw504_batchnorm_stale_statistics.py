"""GW504: batch normalisation evaluates with statistics that are not those it was trained with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import finite, learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class BatchnormStaleStatistics(Rule):
    """In eval mode batch normalisation uses a running mean and variance, which lag behind the batches that the layers have learned with.

    They must be far from the batches both in training and in evaluation, and where the script measures a loss there, it must be worse
    than that of training. Statistics that are only far from the evaluation's batches tell of other data, not of this fault.
    """

    code = "GW504"
    name = "batchnorm-stale-statistics"
    kind = "warning"
    signals = (signals.STALE, signals.STALE_IN_USE, signals.HELD_OUT, signals.BATCH_VALUES)
    cause = "The momentum is too small, or the steps too few or too large, for the running statistics to have caught up."
    remedy = ("Use batch norm's default momentum of 0.1, or compute the statistics anew before evaluation: "
              "torch.optim.swa_utils.update_bn(loader, model).")
    source = "Wu and Johnson 2021, Rethinking Batch in BatchNorm (arXiv 2105.07576), section 3: moving averages lag behind"

    far: Annotated[float, "standard deviations, or logarithm of their ratio (0.69 is a factor of 2), in the average channel"] = 0.69
    worse: Annotated[float, "held-out loss, relative to that of training"] = 1.5
    values: Annotated[float, "values of each channel in a batch, below which its own statistics are noise"] = 16.0

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the layer whose statistics are farthest off at the last evaluation."""
        found = []
        for site in record.sites("normalization"):
            training, use, sizes = (finite(record.series(signal.name, site)) for signal in (
                signals.STALE, signals.STALE_IN_USE, signals.BATCH_VALUES))
            if training and use and sizes and median(size for _, size in sizes) >= self.values:
                off = min(use[-1][1], training[-1][1])
                if off >= self.far and min(use[-1][0], 2 * training[-1][0]) >= record.steps / 2:
                    found.append((off, site, training, use))
        if not found:
            return
        _, site, training, use = max(found, key=lambda one: one[0])
        measured = (finite(record.series(signals.HELD_OUT.name, place)) for place in record.sites("evaluation"))
        held_out = [series[-1][1] for series in measured if series]
        last = learned(record).last
        harmless = bool(held_out) and last is not None and min(held_out) < self.worse * last
        evidence: dict[str, Any] = {
            "in training": reading(training), "in evaluation": reading(use), "layers of which that is so": len(found)}
        if held_out and last is not None:
            evidence |= {"held-out loss": f"{min(held_out):.3g}", "training loss": f"{last:.3g}"}
        yield self.finding(
            f"In evaluation the kept statistics are {use[-1][1]:.2g} standard deviations away from the data's, as they were "
            "from the batches of training.", site.where, (training[0][0], use[-1][0]), evidence, "note" if harmless else "warning")

    def example(self, sick: bool) -> Run:
        """Two blobs whose hidden layer is shifted; the sick net keeps its statistics with a momentum of 0.001."""
        import torch
        from torch import nn

        def train_and_validate(run: Run) -> None:
            for _ in range(run.epochs):
                run.model.train()
                for x, y in run.batches:
                    run.optimizer.zero_grad()
                    run.loss(run.model(x), y).backward()
                    run.optimizer.step()
                run.model.eval()
                with torch.no_grad():
                    run.loss(run.model(held_out_x), held_out_y)

        torch.manual_seed(0)
        y = torch.arange(400) % 2
        x = torch.randn(400, 4) + 2 * y[:, None] - 1
        x = (x - x.mean(0)) / x.std(0)
        held_out_x, held_out_y = x[240:], y[240:]
        model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16, bias=False),
                              nn.BatchNorm1d(16, momentum=0.001 if sick else 0.1), nn.ReLU(), nn.Linear(16, 2))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.05), batches, nn.functional.cross_entropy, epochs=6,
                   loop=train_and_validate)
