"""GW303: sigmoid before binary_cross_entropy_with_logits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.contract import Chain, against_trivial, losses_where
from gradwell.doctor.cures import replace_last
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class SigmoidBeforeLogitsLoss(Rule):
    """Sigmoid before a loss that applies sigmoid itself leaves probabilities between 0.5 and 0.73, so "no" cannot be predicted at all.

    The best score for a target of 0 is 0, which costs ln 2 = 0.693; the best for a target of 1 is 1, which costs ln(1 + 1/e) = 0.313.
    """

    code = "GW303"
    name = "sigmoid-before-logits-loss"
    kind = "error"
    signals = (signals.CHAIN, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "nn.BCEWithLogitsLoss applies sigmoid itself, and the model's output has been through sigmoid already."
    remedy = ("Return the last layer's output as it is: remove nn.Sigmoid or torch.sigmoid from the model and keep nn.BCEWithLogitsLoss(). "
              "Predict with output > 0, or with output.sigmoid() > 0.5.")
    source = "torch.nn.BCEWithLogitsLoss documentation: this loss combines a Sigmoid layer and the BCELoss in one single class"
    consequences = ("GW201", "GW311", "GW403", "GW410")

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for a sigmoid right before the loss."""
        for site, step, _ in losses_where(record, has_sigmoid):
            yield self.finding(
                "Sigmoid is applied twice, so every predicted probability lies between 0.5 and 0.73.",
                site.where, (step, record.steps),
                {"operations, from the loss down": "BinaryCrossEntropyWithLogits <- Sigmoid",
                 "least loss possible": "0.693 for a target of 0, 0.313 for a target of 1", **against_trivial(record, site)},
                fix=Fix("remove the model's last sigmoid", remove_sigmoid))

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick net ends in nn.Sigmoid before nn.BCEWithLogitsLoss."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = (torch.arange(240) % 2).float()[:, None]
        x = torch.randn(240, 2) + 4 * y - 2
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        if sick:
            model.append(nn.Sigmoid())
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.BCEWithLogitsLoss(), epochs=6)


def has_sigmoid(chain: Chain) -> bool:
    """Whether the loss that applies sigmoid takes its input from a sigmoid."""
    return [chain["loss"], *chain["operations"][:1]] == ["bce_with_logits", "Sigmoid"]


def remove_sigmoid(run: Run) -> None:
    """Let the model end with its last layer."""
    replace_last(run, ("Sigmoid",), "Identity")
