"""GW306: prediction and target are broadcast against each other in the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.contract import losses_where, shape
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class BroadcastLoss(Rule):
    """A prediction (N, 1) against a target (N,) becomes a table N x N, and the loss compares every prediction with every target.

    Such a loss is least when all predictions are alike: the mean of the targets. An axis put in on purpose, as in (N, 1, D) against
    (1, K, D), is no fault.
    """

    code = "GW306"
    name = "broadcast-loss"
    kind = "error"
    signals = (signals.CHAIN,)
    cause = "One of the two has an axis of size 1 that the other lacks, so torch repeats both until their shapes agree."
    remedy = "Give both the same shape: loss(output.squeeze(1), target), or loss(output, target.unsqueeze(1))."
    source = "PyTorch's own warning (target size different to the input size, nn.functional.mse_loss); pytorch/pytorch#15060"
    consequences = ("GW201", "GW403", "GW410", "GW605", "GW606")

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for a loss whose two sides were both repeated."""
        for site, step, chain in losses_where(record, lambda chain: bool(chain["both_broadcast"])):
            ours, theirs = shape(chain["prediction_shape"]), shape(chain["target_shape"])
            yield self.finding(
                f"A prediction of shape {ours} meets a target of shape {theirs}: every prediction is compared with every target.",
                site.where, (step, record.steps), {"prediction": ours, "target": theirs, "compared": "a table N x N"},
                fix=Fix("give the target the prediction's shape", reshape_target, safe=True))

    def example(self, sick: bool) -> Run:
        """A straight line with noise; in the sick run the targets lack the prediction's second axis."""
        import torch
        from torch import nn

        def squared_error(output: Any, target: Any) -> Any:
            return (output - target).square().mean()

        torch.manual_seed(0)
        x = torch.randn(240, 2)
        y = (x[:, :1] - x[:, 1:]) / 1.4 + 0.1 * torch.randn(240, 1)
        if sick:
            y = y.squeeze(1)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, squared_error, epochs=6)


def reshape_target(run: Run) -> None:
    """Give every target that has as many values as the prediction its shape, too."""
    before = run.loss

    def loss(output: Any, target: Any) -> Any:
        return before(output, target.reshape(output.shape) if target.numel() == output.numel() else target)

    run.loss = loss
