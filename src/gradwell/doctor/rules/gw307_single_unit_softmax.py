"""GW307: softmax over one unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from gradwell.doctor import signals
from gradwell.doctor.contract import against_trivial
from gradwell.doctor.cures import replace_last
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class SingleUnitSoftmax(Rule):
    """Softmax over one unit is always 1, whatever the input, so the loss is constant and no weight receives a gradient.

    nn.CrossEntropyLoss applies softmax, too: on an output of one column it is always 0.
    """

    code = "GW307"
    name = "single-unit-softmax"
    kind = "error"
    signals = (signals.CHAIN, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "Softmax divides each unit's exp by the sum over all units of the axis; with one unit that is a number divided by itself."
    remedy = ("For two classes keep one unit and use nn.BCEWithLogitsLoss() without softmax, or use nn.Linear(..., 2) with "
              "nn.CrossEntropyLoss(). For a number (regression) remove the softmax.")
    source = "Five of the thirty Stack Overflow programs of DeepLocalize (Wardat et al. 2021), e.g. question 31880720"
    consequences = ("GW201", "GW301", "GW309", "GW311", "GW403", "GW410", "GW605")

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for an axis of size 1 under a softmax, at every look."""
        for site in record.sites("loss"):
            chains = list(record.facts(signals.CHAIN.name, site))
            if not chains or not all(1 in chain["softmax_sizes"] for _, chain in chains):
                continue
            step, chain = chains[0]
            new = "Sigmoid" if chain["loss"] == "bce" else "Identity"
            cure = Fix(f"put nn.{new} in the place of the model's last softmax", partial(replace_last, kinds=("Softmax",), new=new))
            yield self.finding(
                "Softmax is taken over 1 unit, so the output is 1 for every input.", site.where, (step, record.steps),
                {"units under the softmax": 1, "operations, from the loss down": " <- ".join(chain["operations"]),
                 **against_trivial(record, site)},
                fix=cure if chain["operations"][:1] == ["Softmax"] else None)

    def example(self, sick: bool) -> Run:
        """Two blobs and one output unit; the sick net ends in nn.Softmax, the healthy one in nn.Sigmoid."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = (torch.arange(240) % 2).float()[:, None]
        x = torch.randn(240, 2) + 4 * y - 2
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1), nn.Softmax(dim=1) if sick else nn.Sigmoid())
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.BCELoss(), epochs=6)
