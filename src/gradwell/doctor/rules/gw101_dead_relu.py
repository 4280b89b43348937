"""GW101: units of a ReLU layer that are zero for every example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading, update_before
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class DeadReLU(Rule):
    """A unit that outputs zero for every example receives no gradient, so it can never recover.

    Units count as dead when none of at least 1,000 examples (or of 20 batches) drives them above zero. Single batches prove nothing:
    in healthy networks half to nine tenths of all ReLU outputs are zero.
    """

    code = "GW101"
    name = "dead-relu"
    kind = "warning"
    signals = (signals.NEVER_ACTIVE, signals.WINDOW, signals.UPDATE_RATIO)
    cause = "The inputs of these units are negative for every example: a large update or a large negative bias has pushed them there."
    remedy = ("Lower the learning rate, begin with nn.init.kaiming_normal_ and zero biases, or use nn.LeakyReLU or nn.GELU, "
              "which let a gradient through below zero.")
    source = ("Lu et al. 2019, Dying ReLU and Initialization (arXiv 1903.06733); the share of 50 % is SageMaker Debugger's")
    consequences = ("GW410", "GW605")

    most: Annotated[float, "share of a layer's units that makes a note"] = 0.5
    nearly_all: Annotated[float, "share of a layer's units that makes a warning, if the run has learned nothing"] = 0.9

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the last full window of every ReLU; the layer with the largest share speaks for all."""
        dying = [(site, shares) for site in record.sites("activation")
                 if (shares := record.series(signals.NEVER_ACTIVE.name, site)) and shares[-1][1] > self.most]
        if not dying:
            return
        site, shares = max(dying, key=lambda pair: pair[1][-1][1])
        step = next(step for step, share in shares if share > self.most)
        examples = int(record.series(signals.WINDOW.name, site)[-1][1])
        update = update_before(record, site.module, step)
        cause = ("They were dead from the start: the initial weights and biases give every example a negative input."
                 if step == shares[0][0] else f"They died by step {step}, after updates as large as {update:.2g} of the weights.")
        more = f"; more than {self.most:.0%} are in {len(dying) - 1} other layers, too" if len(dying) > 1 else ""
        yield self.finding(
            f"{shares[-1][1]:.0%} of the ReLU units after this layer were zero for each of the last {examples} examples looked at{more}.",
            site.where, (step, shares[-1][0]),
            {"share of dead units": reading(shares), "examples": examples, "layers": {str(s.where): series[-1][1] for s, series in dying}},
            "warning" if shares[-1][1] > self.nearly_all and learned(record).nothing else "note", cause=cause)

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick net's hidden biases start so low that no unit is ever active."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 2)
        y = (x[:, 0] > 0).long()
        x[:, 0] += 4 * y - 2.0
        hidden = nn.Linear(2, 16)
        if sick:
            nn.init.constant_(hidden.bias, -100.0)
        model = nn.Sequential(hidden, nn.ReLU(), nn.Linear(16, 2))
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 256, 32)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, nn.functional.cross_entropy, epochs=6)
