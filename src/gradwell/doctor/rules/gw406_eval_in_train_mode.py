"""GW406: the model is evaluated in training mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class EvalInTrainMode(Rule):
    """In training mode dropout drops at random and batch normalisation uses the batch at hand, so what is measured is another network.

    Forward passes without gradients count as evaluation when they come now and then between updates, not with every update; a model
    that is also run in eval mode is left alone.
    """

    code = "GW406"
    name = "eval-in-train-mode"
    kind = "warning"
    signals = (signals.EVALUATED, signals.SETUP)
    cause = "model.eval() is not called before the forward passes under torch.no_grad()."
    remedy = "Call model.eval() before evaluation and model.train() after it."
    source = "torch.nn.Module.eval documentation; Ioffe and Szegedy 2015, Batch Normalization (arXiv 1502.03167), section 3.1"
    consequences = ("GW411", "GW504")

    least: Annotated[int, "evaluations"] = 2
    rare: Annotated[float, "evaluated steps, as a share of all; more often it belongs to the training itself"] = 0.5

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the mode of every evaluation."""
        many = any(setup["optimizers"] > 1 for _, setup in record.facts(signals.SETUP.name))
        for site in record.sites("model"):
            modes = record.series(signals.EVALUATED.name, site)
            steps = {step for step, _ in modes}
            if len(modes) < self.least or not all(value == 1 for _, value in modes) or len(steps) > max(1, self.rare * record.steps):
                continue
            yield self.finding(
                f"All {len(modes)} evaluations ran with dropout or batch statistics on.", site.where, (modes[0][0], max(record.steps, 1)),
                {"evaluations": len(modes), "first at step": modes[0][0]}, "note" if many else "warning")

    def example(self, sick: bool) -> Run:
        """Two blobs and dropout; the sick loop never calls eval()."""
        import torch
        from torch import nn

        def train_and_validate(run: Run) -> None:
            for _ in range(run.epochs):
                run.model.train()
                for x, y in run.batches:
                    run.optimizer.zero_grad()
                    run.loss(run.model(x), y).backward()
                    run.optimizer.step()
                if not sick:
                    run.model.eval()
                with torch.no_grad():
                    for x, y in run.batches:
                        run.loss(run.model(x), y)

        torch.manual_seed(0)
        y = torch.arange(240) % 2
        x = torch.randn(240, 2) + 4 * y[:, None] - 2
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        optimizer: Any = torch.optim.Adam(model.parameters(), lr=0.02)
        return Run(model, optimizer, batches, nn.functional.cross_entropy, epochs=6, loop=train_and_validate)
