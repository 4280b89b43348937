"""GW312: regression targets of a size that the net does not reach."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.contract import against_trivial
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import finite, learned, of_loss
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.signal import Signal


@dataclass(frozen=True)
class UnscaledTarget(Rule):
    """Targets many times as large as anything the net gives out at first ask for weights that small updates take for ever to build.

    With large steps the same gap makes gradients that blow the net up. It is named only where the run ends no better than the mean of
    the targets. Targets that drift, as returns do in reinforcement learning, and losses beside others make a note.
    """

    code = "GW312"
    name = "unscaled-target"
    kind = "warning"
    signals = (signals.TARGET_MEAN, signals.TARGET_STD, signals.PREDICTION_MEAN, signals.PREDICTION_STD, signals.HEAD_INPUT,
               signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "The targets go into the loss in the units of the file, far from the unit scale on which a net starts."
    remedy = ("Standardise the targets with the training set's statistics, y = (y - y.mean()) / y.std(), and undo it on the predictions; "
              "for positive targets over several powers of ten take their logarithm first.")
    source = "Bishop 1995, Neural Networks for Pattern Recognition, section 8.2: outputs are rescaled to be of order unity, as inputs are"
    consequences = ("GW101", "GW106", "GW202", "GW203", "GW204", "GW205", "GW402", "GW403", "GW410", "GW413", "GW605")

    gap: Annotated[float, "ratio of the targets' root mean square to that of the first outputs, or of what feeds the last layer"] = 30.0
    reached: Annotated[float, "share of the targets' spread, and of their root mean square, that the predictions attain at the end"] = 0.5
    drift: Annotated[float, "ratio of the targets' root mean square, late to early; beyond it they move with the run"] = 2.0

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the targets of each regression loss with the first outputs."""
        for site in record.sites("loss"):
            wanted = sizes(record, site, signals.TARGET_MEAN, signals.TARGET_STD)
            given = sizes(record, site, signals.PREDICTION_MEAN, signals.PREDICTION_STD)
            fed = finite(record.series(signals.HEAD_INPUT.name, site))
            if site.type not in ("mse", "l1", "smooth_l1") or not wanted or not given:
                continue
            target = fmean(value for _, value in wanted)
            start = max(given[0][1], fed[0][1] if fed else 0.0)
            own = of_loss(record, site)
            stuck = learned(record).nothing and (own is None or own[1].nothing)
            moved = max(wanted[0][1], wanted[-1][1]) > self.drift * min(wanted[0][1], wanted[-1][1])
            if start <= 0 or target <= self.gap * start or not stuck or self._attained(record, site, target):
                continue
            yield self.finding(
                f"The targets are {target / start:,.0f} times as large as what the net gives out at first, and it has learned nothing.",
                site.where, (wanted[0][0], record.steps),
                {"targets, root mean square": f"{target:.3g}", "at the start, outputs and what feeds them": f"{start:.3g}",
                 "predictions at the end": f"{given[-1][1]:.3g}", **against_trivial(record, site)},
                "warning" if not moved and alone(record, site) else "note", fix=Fix("standardise the targets", standardize_targets))

    def _attained(self, record: Record, site: Site, target: float) -> bool:
        """Whether the predictions came to the targets' size and spread after all, without blowing up."""
        given = sizes(record, site, signals.PREDICTION_MEAN, signals.PREDICTION_STD)
        spreads = [finite(record.series(signal.name, site)) for signal in (signals.PREDICTION_STD, signals.TARGET_STD)]
        wide = bool(spreads[0] and spreads[1]) and spreads[0][-1][1] > self.reached * spreads[1][-1][1]
        return wide and self.reached * target < given[-1][1] and self.reached * given[-1][1] < target

    def example(self, sick: bool) -> Run:
        """A plane with noise; the sick run's targets are 10,000 times as large."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(240, 2)
        y = (x[:, :1] - x[:, 1:]) / 1.4 + 0.1 * torch.randn(240, 1)
        if sick:
            y *= 10_000
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.MSELoss(), epochs=6)


def alone(record: Record, site: Site) -> bool:
    """Whether a loss is all that backward() was called on, up to a factor: no other term, as beside an actor's or a code's."""
    whole = dict(finite(record.series(signals.LOSS.name, site)))
    factors = [whole[step] / value for step, value in finite(record.series(signals.TERM_LOSS.name, site)) if value > 0 and step in whole]
    return bool(factors) and max(factors) - min(factors) <= 2e-3 * max(factors)


def sizes(record: Record, site: Site, mean: Signal, std: Signal) -> list[tuple[int, float]]:
    """The root mean square at each step, from mean and standard deviation."""
    means = dict(finite(record.series(mean.name, site)))
    return [(step, math.hypot(means[step], value)) for step, value in finite(record.series(std.name, site)) if step in means]


def standardize_targets(run: Run) -> None:
    """Bring the targets to mean 0 and standard deviation 1 over all batches."""
    import torch

    batches = list(run.batches)
    everything = torch.cat([y for _, y in batches])
    mean, std = everything.mean(0), everything.std(0).clamp_min(1e-8)
    run.batches = [(x, (y - mean) / std) for x, y in batches]
