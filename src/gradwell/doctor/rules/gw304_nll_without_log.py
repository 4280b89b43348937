"""GW304: a negative log-likelihood of what is no logarithm of a probability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.contract import Chain, losses_where
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run

LOGARITHMS = ("LogSoftmax", "Log", "LogSigmoid", "Logsumexp")
PROBABILITIES = ("Softmax", "Sigmoid")


@dataclass(frozen=True)
class NllWithoutLog(Rule):
    """A negative log-likelihood takes logarithms of probabilities; given anything else it can fall for ever without a better prediction.

    nn.NLLLoss only picks the score of the right class and turns its sign. A logarithm of a probability is never above zero, and the
    probabilities of all classes add up to 1; raw scores need do neither. A cross-entropy written out by hand is judged in the same way.
    """

    code = "GW304"
    name = "nll-without-log"
    kind = "error"
    signals = (signals.CHAIN, signals.LOSS)
    cause = "nn.NLLLoss takes no logarithm itself; it expects the output of log_softmax, and the model returns something else."
    remedy = ("Keep the last layer's output as it is and use nn.CrossEntropyLoss() in the place of nn.NLLLoss(), "
              "or end the model with nn.LogSoftmax(dim=1).")
    source = "torch.nn.NLLLoss documentation: the input given through a forward call is expected to contain log-probabilities of each class"
    consequences = ("GW101", "GW106", "GW202", "GW203", "GW305", "GW310", "GW311", "GW402", "GW409")

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for scores above zero without a logarithm, and for logarithms of raw scores."""
        for site, step, chain in losses_where(record, lambda chain: has_no_log(chain) or has_raw_log(chain)):
            likely = any(name in PROBABILITIES for name in chain["operations"])
            given = "probabilities" if likely else "raw scores"
            title, other = f"The loss expects logarithms of probabilities and is given {given}.", dict[str, Any]()
            if has_raw_log(chain):
                title = "The loss takes the logarithm of raw scores, which do not add up to 1 as probabilities do."
                other = {"cause": "The cross-entropy is written out with log(output), and the output has not been through softmax.",
                         "remedy": "Keep the last layer's output as it is and use F.cross_entropy(output, class_ids)."}
            cure = Fix("take the logarithm before the loss", partial(take_log, probabilities=likely), safe=True)
            losses = record.series(signals.LOSS.name, site)
            yield self.finding(
                title, site.where, (step, record.steps),
                {"operations, from the loss down": " <- ".join(chain["operations"]) or "the last layer's output",
                 "loss": reading(losses) if losses else "?"},
                fix=None if has_raw_log(chain) else cure, **other)

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick net's raw scores go into nn.NLLLoss."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(240) % 2
        x = torch.randn(240, 2) + 4 * y[:, None] - 2
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
        if not sick:
            model.append(nn.LogSoftmax(dim=1))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.NLLLoss(), epochs=6)


def has_no_log(chain: Chain) -> bool:
    """Whether scores above zero go into a negative log-likelihood, with no logarithm on their way."""
    return chain["loss"] == "nll" and chain["above_zero"] and not any(name in LOGARITHMS for name in chain["operations"])


def has_raw_log(chain: Chain) -> bool:
    """Whether a cross-entropy takes a logarithm of what has not been made a probability."""
    return chain["normalized"] is False and "Log" in chain["operations"] and not any(name in PROBABILITIES for name in chain["operations"])


def take_log(run: Run, probabilities: bool) -> None:
    """Turn what the loss is given into logarithms of probabilities."""
    before = run.loss

    def loss(output: Any, target: Any) -> Any:
        return before(output.clamp_min(1e-12).log() if probabilities else output.log_softmax(1), target)

    run.loss = loss
