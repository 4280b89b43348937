"""GW309: the last activation cannot reach the targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.contract import Chain, against_trivial, losses_where
from gradwell.doctor.cures import replace_last
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import finite, learned
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run

RANGES = {"Sigmoid": "0 to 1", "Softmax": "0 to 1", "Hardsigmoid": "0 to 1", "Tanh": "-1 to 1", "Relu": "0 and above",
          "Softplus": "above 0", "Exp": "above 0", "LogSigmoid": "below 0", "LogSoftmax": "below 0"}
ERRORS = ("mse", "l1", "smooth_l1")


@dataclass(frozen=True)
class BoundedHead(Rule):
    """An activation at the very end bounds what the net can say; where targets lie outside, no training brings it there.

    What is left of the loss is at least the mean squared distance of the targets to the activation's range. A ReLU before a loss that
    takes scores of either sign (binary cross-entropy with logits) can never say "no": its probability is at least 0.5. Before
    cross-entropy of many classes a ReLU loses gradient only, which is a note unless the run has learned nothing.
    """

    code = "GW309"
    name = "bounded-head"
    kind = "error"
    signals = (signals.CHAIN, signals.UNREACHABLE, signals.SHORTFALL, signals.TARGET_LEAST, signals.TARGET_MOST)
    cause = "The net ends with an activation whose range is narrower than that of the targets."
    remedy = "Remove the last activation (a linear output can be any number), or bring the targets into its range."
    source = ("Goodfellow, Bengio and Courville 2016, Deep Learning, section 6.2.2, output units; "
              "Ben Braiek and Khomh 2023, Testing Feedforward Neural Networks Training Programs (TheDeepChecker)")
    consequences = ("GW101", "GW102", "GW201", "GW301", "GW312", "GW403", "GW410", "GW605")

    outside: Annotated[float, "share of targets outside the range of the last activation"] = 0.05
    lost: Annotated[float, "share of the best possible squared error in it and the targets' variance; below it a note"] = 0.1

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for targets beyond the last activation's range, and for a ReLU on scores."""
        for site, step, chain in losses_where(record, lambda chain: chain["operations"][:1] != [] or chain["loss"] == "nll"):
            share, lost = mean(record, signals.UNREACHABLE.name, site), mean(record, signals.SHORTFALL.name, site)
            if chain["loss"] in ERRORS and chain["operations"][0] in RANGES and share > self.outside:
                yield self._out_of_reach(record, site, step, chain, (share, lost))
            elif chain["loss"] == "bce_with_logits" and chain["operations"][0] == "Relu" and not one_sided(record, site):
                yield self.finding(
                    "The scores before the loss's own sigmoid come out of ReLU, so no probability can be below 0.5.", site.where,
                    (step, record.steps), {"last activation": "Relu", **against_trivial(record, site)},
                    fix=Fix("remove the model's last activation", partial(replace_last, kinds=("ReLU",), new="Identity")))
            elif chain["loss"] == "nll" and chain["operations"][:2] == ["LogSoftmax", "Relu"]:
                yield self.finding(
                    "The scores before softmax come out of ReLU: classes at zero receive no gradient.", site.where,
                    (step, record.steps), {"last activation": "Relu", **against_trivial(record, site)},
                    "warning" if learned(record).nothing else "note")

    def _out_of_reach(self, record: Record, site: Site, step: int, chain: Chain, seen: tuple[float, float]) -> Finding:
        """Targets beyond the range of the last activation."""
        function, (share, lost) = chain["operations"][0], seen
        least = min((v for _, v in finite(record.series(signals.TARGET_LEAST.name, site))), default=0.0)
        most = max((v for _, v in finite(record.series(signals.TARGET_MOST.name, site))), default=0.0)
        kinds = {"Relu": ("ReLU",), "LogSigmoid": ("LogSigmoid",)}.get(function, (function,))
        return self.finding(
            f"{share:.0%} of the targets lie outside the range of the last activation, {function.lower()}: {RANGES[function]}.",
            site.where, (step, record.steps),
            {"targets": f"{least:.3g} to {most:.3g}", "outside": f"{share:.0%}", "range of the last activation": RANGES[function],
             **against_trivial(record, site)},
            "error" if lost > self.lost else "note",
            fix=Fix("remove the model's last activation", partial(replace_last, kinds=kinds, new="Identity")))

    def example(self, sick: bool) -> Run:
        """A plane with noise, its values about 0; the sick net ends in nn.Sigmoid."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(240, 2)
        y = (x[:, :1] - x[:, 1:]) / 1.4 + 0.1 * torch.randn(240, 1)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        if sick:
            model.append(nn.Sigmoid())
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.MSELoss(), epochs=6)


def mean(record: Record, signal: str, site: Site) -> float:
    """The mean of a signal's finite readings, 0 where there are none."""
    values = [value for _, value in finite(record.series(signal, site))]
    return sum(values) / len(values) if values else 0.0


def one_sided(record: Record, site: Site) -> bool:
    """Whether all targets of a loss were at or above one half, which a probability of 0.5 and more can say."""
    return min((value for _, value in record.series(signals.TARGET_LEAST.name, site)), default=1.0) >= 0.5
