"""GW401: gradients are never cleared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.fix import Fix
from gradwell.doctor.ranks import gradient_norms
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class MissingZeroGrad(Rule):
    """backward() adds to the gradients that are there, so without zero_grad() every update repeats all earlier ones.

    Adding up several backward passes before one update, on purpose, is no fault: there the first pass finds cleared gradients.
    """

    code = "GW401"
    name = "missing-zero-grad"
    kind = "error"
    signals = (signals.STALE_GRADIENT, signals.GRADIENT_NORM, signals.SHARD_NORM)
    cause = "optimizer.zero_grad() is not called between one update and the next backward pass."
    remedy = "Call optimizer.zero_grad() before loss.backward(), once for every update."
    source = "torch.optim.Optimizer.zero_grad documentation and the PyTorch recipe Zeroing out gradients; stats.stackexchange.com 376851"
    consequences = ("GW101", "GW106", "GW202", "GW203", "GW402", "GW410", "GW413")

    least: Annotated[int, "updates looked at"] = 3
    nearly_all: Annotated[float, "share of these updates whose gradients were not cleared"] = 0.9

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at every optimizer's updates, by the model it trains."""
        norms = gradient_norms(record)
        for site in [None, *record.sites("model")]:
            stale = record.series(signals.STALE_GRADIENT.name, site)
            if site is None:  # an optimizer whose weights belong to no module
                known = {step for model in record.sites("model") for step, _ in record.series(signals.STALE_GRADIENT.name, model)}
                stale = [(step, value) for step, value in stale if step not in known]
            uncleared = [step for step, value in stale if value == 1]
            if not uncleared or len(stale) < self.least or len(uncleared) < self.nearly_all * len(stale):
                continue
            yield self.finding(
                f"{len(uncleared)} of {len(stale)} updates looked at were made with gradients that still held those of earlier steps.",
                site.where if site else Where("optimizer"), (uncleared[0], record.steps),
                {"gradient norm": reading(norms) if norms else "?"},
                fix=Fix("clear the gradients after every update", clear))

    def example(self, sick: bool) -> Run:
        """A straight line with noise; the sick loop never clears the gradients."""
        import torch
        from torch import nn

        def train_without_clearing(run: Run) -> None:
            for _ in range(run.epochs):
                for x, y in run.batches:
                    run.loss(run.model(x), y).backward()
                    run.optimizer.step()

        torch.manual_seed(0)
        x = torch.randn(240, 2)
        y = (x[:, :1] - x[:, 1:]) / 1.4 + 0.1 * torch.randn(240, 1)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        run = Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.MSELoss(), epochs=6)
        if sick:
            run.loop = train_without_clearing
        return run


def clear(run: Run) -> None:
    """Clear the gradients after every step of the optimizer."""

    def after_step(optimizer: Any, *_: object) -> None:
        optimizer.zero_grad()

    run.optimizer.register_step_post_hook(after_step)
