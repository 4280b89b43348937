"""GW310: targets outside of what the loss assumes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.contract import losses_where
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import finite
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class TargetOutOfRange(Rule):
    """A loss assumes targets of a certain kind; given others it has no least value, or one that says nothing.

    Binary cross-entropy takes targets in [0, 1]; with a target of 2 it falls without end as the score grows. Class ids that are all
    alike (labels divided by 255 and made whole, say) are fitted by a constant. Labels a little above 1 (a trick for critics) and targets
    whose loss is masked afterwards may be meant: they make a note.
    """

    code = "GW310"
    name = "target-out-of-range"
    kind = "error"
    signals = (signals.CHAIN, signals.TARGET_LEAST, signals.TARGET_MOST, signals.CLASSES_SEEN, signals.LABELS_SEEN)
    cause = "Binary cross-entropy expects probabilities as targets: 0 for no, 1 for yes, or a number between."
    remedy = ("Bring the targets into [0, 1] (for labels -1 and 1: (y + 1) / 2). For several classes use F.cross_entropy with class ids, "
              "for numbers (regression) nn.MSELoss().")
    source = "torch.nn.BCELoss documentation: the targets y should be numbers between 0 and 1"
    consequences = ("GW202", "GW203", "GW204", "GW205", "GW309", "GW312", "GW402", "GW409", "GW604", "GW605")

    slack: Annotated[float, "of the unit range; targets beyond it by less make a note"] = 0.25
    looks: Annotated[int, "steps looked at before class ids may be called all alike"] = 3
    labels: Annotated[int, "labels per output of the net, before they may be called all alike"] = 20

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for binary targets outside [0, 1], and for class ids that are all alike."""
        for site, step, chain in losses_where(record, lambda chain: chain["loss"] in ("bce", "bce_with_logits")):
            least, most = (finite(record.series(signal.name, site)) for signal in (signals.TARGET_LEAST, signals.TARGET_MOST))
            low, high = min((v for _, v in least), default=0.0), max((v for _, v in most), default=1.0)
            away = max(-low, high - 1)
            if away > 0.01:
                sure = away > self.slack and chain.get("masked") is False and chain.get("reduced") is True
                yield self.finding(
                    f"Binary cross-entropy is given targets from {low:.3g} to {high:.3g}; it is a loss only for targets from 0 to 1.",
                    site.where, (step, record.steps), {"targets": f"{low:.3g} to {high:.3g}", "allowed": "0 to 1"},
                    "error" if sure else "note",
                    fix=Fix("bring the targets into [0, 1]", partial(into_range, low=low, high=high)))
        for site, step, chain in losses_where(record, lambda chain: chain["loss"] == "nll"):
            units = chain.get("units")
            if units is not None and units > 2 and chain["prediction_shape"][:1] == [units] and self._alike(record, site, units):
                total = record.series(signals.LABELS_SEEN.name, site)[-1][1]
                yield self.finding(
                    f"All {total:.0f} class ids that were seen are the same, although the net has {units} outputs.", site.where,
                    (step, record.steps), {"different class ids": 1, "outputs": units, "labels seen": f"{total:.0f}"},
                    cause="The labels were changed on their way to the loss: scaled like pixels, cast to whole numbers, or read wrongly.",
                    remedy="Print target.unique() right before the loss. Labels must stay whole numbers from 0 to C - 1, unscaled.")

    def _alike(self, record: Record, site: Site, units: int) -> bool:
        """Whether one class id only was seen, throughout the run and often enough."""
        seen, total = record.series(signals.CLASSES_SEEN.name, site), record.series(signals.LABELS_SEEN.name, site)
        return (len(seen) >= self.looks and seen[-1][1] == 1 and seen[-1][0] >= record.steps / 2
                and total[-1][1] >= self.labels * units)

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick run's labels are -1 and 1."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = (torch.arange(240) % 2).float()[:, None]
        x = torch.randn(240, 2) + 4 * y - 2
        x = (x - x.mean(0)) / x.std(0)
        if sick:
            y = 2 * y - 1
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.BCEWithLogitsLoss(), epochs=6)


def into_range(run: Run, low: float, high: float) -> None:
    """Map the targets linearly onto [0, 1]."""
    run.batches = [(x, (y - low) / (high - low)) for x, y in run.batches]
