"""GW205: the loss is NaN or infinite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run

CAUSES = {
    "weight": ("The weights themselves were no longer finite: an earlier update broke them.",
               "Find what broke them: lower the learning rate, clip with `torch.nn.utils.clip_grad_norm_`, and keep roots, logarithms "
               "and divisions away from 0."),
    "input": ("The batch that went in holds NaN or infinity.",
              "Check the data: torch.isfinite(x).all() for every batch; drop or fill what is missing before training."),
    "activation": ("The first such value came out of {operation}.",
                   "Keep the argument of logarithms, roots and divisions away from 0, subtract the maximum before exp, or use torch's "
                   "fused losses."),
    "loss": ("All values on the way were finite; the loss itself, {operation}, was not.",
             "Use torch's fused losses (cross_entropy, binary_cross_entropy_with_logits), or clamp what goes into logarithms and "
             "divisions."),
}


@dataclass(frozen=True)
class NonFiniteLoss(Rule):
    """A loss that is not a number has no gradient: from that step on the weights are lost."""

    code = "GW205"
    name = "non-finite-loss"
    kind = "error"
    signals = (signals.NON_FINITE, signals.LOSS)
    cause = "A value on the way to the loss was NaN or infinite."
    remedy = "Look at the first tensor that is not finite, which the finding names."
    source = "PyTorch documentation, torch.autograd.set_detect_anomaly; minus infinity in attention masks is no fault and exempt"
    consequences = ("GW101", "GW102", "GW105", "GW201", "GW501")

    def check(self, record: Record) -> Iterator[Finding]:
        """Report the first tensor that was not finite."""
        for site in record.sites("loss"):
            for step, seen in list(record.facts(signals.NON_FINITE.name, site))[:1]:
                cause, remedy = CAUSES[seen["what"]]
                place = Where(seen["module"], seen["type"], seen["file"], seen["line"]) if seen.get("module") else site.where
                what = {"weight": f"in the weights ({seen.get('parameter')})", "input": "in the input",
                        "activation": f"after {seen['operation']}", "loss": "in the loss itself"}[seen["what"]]
                yield self.finding(
                    f"At step {step} the loss was {seen['value']}; the first value that was not finite is {what}.",
                    place, (step, record.steps), {"first": what, "loss": f"step {step}: {seen['value']}"},
                    cause=cause.format(**seen), remedy=remedy)

    def example(self, sick: bool) -> Run:
        """A small classifier; one of the sick one's examples has a missing value."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(128, 4)
        y = (x[:, 0] > 0).long()
        model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
        if sick:
            x[100] = torch.tensor([float("nan"), 1.0, 1.0, 1.0])
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 128, 32)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.2), batches, nn.functional.cross_entropy, epochs=15)
