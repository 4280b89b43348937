"""GW305: the logarithm of a probability that can be 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run

LOGARITHMS = {"Log", "Log2", "Log10"}
FUSED = {"Softmax": "F.log_softmax(output, dim=1), or F.cross_entropy(output, class_ids) for the whole loss",
         "Sigmoid": "F.logsigmoid(output) and F.logsigmoid(-output), or F.binary_cross_entropy_with_logits(output, target)"}


@dataclass(frozen=True)
class UnstableLog(Rule):
    """A probability that softmax or sigmoid rounds to 0 has an infinite logarithm, and its gradient is not a number.

    Scores some 100 apart are enough for that, in half precision 18. The fused losses never compute the probability, so nothing is lost.
    As long as no such probability was met, it is a note.
    """

    code = "GW305"
    name = "unstable-log"
    kind = "error"
    signals = (signals.LOGARITHM, signals.LOG_LEAST, signals.NON_FINITE, signals.NON_FINITE_GRADIENT)
    cause = "Softmax or sigmoid and the logarithm are computed one after the other, and nothing keeps the probability away from 0."
    remedy = "Take the logarithm in one step: {fused}."
    source = "Goodfellow, Bengio and Courville 2016, Deep Learning, section 4.1: underflow, and log softmax computed in one step"
    consequences = ("GW101", "GW102", "GW105", "GW201", "GW202", "GW203", "GW204", "GW205")

    near: Annotated[float, "probability; from it down, a gradient that is no number is put down to the logarithm"] = 1e-6

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for logarithms right after softmax or sigmoid, and whether their argument was ever 0."""
        for site in record.sites("loss"):
            open_ = [(step, seen) for step, seen in record.facts(signals.LOGARITHM.name, site)
                     if seen["of"] in FUSED and not seen["guarded"]]
            least = record.series(signals.LOG_LEAST.name, site)
            if not open_ or not least:
                continue
            step, seen = open_[0]
            broken = [at for at, value in least if value <= 0]
            near = any(value < self.near for _, value in least)
            first = broken[0] if broken else lost_at(record, site, near)
            title = "never came to 0 where it was looked at" if first is None else f"was 0 at step {first}"
            yield self.finding(
                f"The loss takes the logarithm of a {seen['of'].lower()}'s probability, which {title}.", site.where,
                (step if first is None else first, record.steps),
                {"operations, from the logarithm down": " <- ".join([*seen["between"], seen["of"]]), "least argument": reading(least)},
                "note" if first is None else "error", remedy=self.remedy.format(fused=FUSED[seen["of"]]),
                fix=Fix("keep the probabilities away from 0 and 1", partial(keep_away), safe=True))

    def example(self, sick: bool) -> Run:
        """Two blobs with three examples far out; the sick run takes the logarithm of sigmoid's probabilities, which become 0 and 1."""
        import torch
        from torch import nn

        def written_out(p: Any, target: Any) -> Any:
            return -(target * p.log() + (1 - target) * (1 - p).log()).mean()

        torch.manual_seed(0)
        y = (torch.arange(240) % 2).float()[:, None]
        x = torch.randn(240, 2) + 4 * y - 2
        x[100:103] *= 12
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        loss = written_out if sick else nn.BCELoss()
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, loss, epochs=6)


def lost_at(record: Record, site: Site, near: bool) -> int | None:
    """The step at which a loss, or a gradient, ceased to be a number because of a logarithm; `near`: probabilities came close to 0."""
    losses = [step for step, seen in record.facts(signals.NON_FINITE.name, site) if seen["what"] == "loss"]
    gradients = [step for step, seen in record.facts(signals.NON_FINITE_GRADIENT.name)
                 if seen["operation"] in LOGARITHMS or (near and not seen["operation"] and LOGARITHMS & set(seen["suspects"]))]
    return min([*losses, *gradients], default=None)


def keep_away(run: Run) -> None:
    """Keep the probabilities that the loss is given a little inside 0 and 1."""
    before = run.loss

    def loss(output: Any, target: Any) -> Any:
        return before(output.clamp(1e-6, 1 - 1e-6), target)

    run.loss = loss
