"""GW409: the loss is maximised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import certainty, finite, learned, readings
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class GradientAscent(Rule):
    """An update along the gradient instead of against it makes the loss larger, so the better the optimizer, the worse the model.

    Looked at are both places where a sign can be lost: between the loss and backward(), and between the gradient that backward() left
    and the update. Two wrong signs cancel out. Where several optimizers work against each other one of them has to go up, and
    a loss that is weighed by rewards goes both ways; neither is judged.
    """

    code = "GW409"
    name = "gradient-ascent"
    kind = "error"
    signals = (signals.DESCENT, signals.CHAIN, signals.SETUP, signals.LOSS, signals.TERM_LOSS)
    cause = "A sign is wrong: {where}."
    remedy = "Call backward() on the loss itself and leave the gradients' sign and `maximize` of the optimizer alone."
    source = "Robbins and Monro 1951; the fault is TheDeepChecker's flipped sign (Ben Braiek and Khomh, TOSEM 2022)"
    consequences = ("GW101", "GW102", "GW106", "GW202", "GW203", "GW204", "GW205", "GW402", "GW412", "GW413")

    least: Annotated[int, "updates looked at"] = 3
    along: Annotated[float, "cosine of the update with the gradient, from which on an update goes up"] = 0.1
    nearly_all: Annotated[float, "share of the updates looked at"] = 0.9
    certain: Annotated[float, "standard errors by which the loss must rise"] = 3.0

    def check(self, record: Record) -> Iterator[Finding]:
        """Multiply the sign of every recognised loss by the direction of the updates."""
        setups = [setup for _, setup in record.facts(signals.SETUP.name)]
        cosines = finite(record.series(signals.DESCENT.name))
        signs = {site: [int(chain.get("sign", 0)) for _, chain in record.facts(signals.CHAIN.name, site)] for site in record.sites("loss")}
        signs = {site: seen for site, seen in signs.items() if seen}
        if not record.sites("model"):
            return  # what is moved is no model's: an input that is made to deceive one
        if len(cosines) < self.least or not setups or any(setup["optimizers"] > 1 for setup in setups):
            return
        upward = sum(cosine > self.along for _, cosine in cosines) >= self.nearly_all * len(cosines)
        downward = sum(cosine < 0 for _, cosine in cosines) >= self.nearly_all * len(cosines)
        wanted = {1: upward, -1: downward}
        if not signs or not all(len(set(seen)) == 1 and wanted.get(seen[0]) for seen in signs.values()):
            return  # one of the losses goes down, or it is not known where it goes
        site = max(signs, key=lambda one: len(readings(record, one)))
        if not self.rises(record, site):
            return
        maximize = all(setup["maximize"] for setup in setups)
        where = ("backward() is called on the negative of the loss" if downward else
                 "the optimizer was built with `maximize=True`" if maximize else
                 "something changes the gradients' sign between backward() and step()")
        losses = record.series(signals.LOSS.name, site)
        yield self.finding(
            f"The loss is maximised: {'downhill on its negative' if downward else 'along its gradient'} in "
            f"{sum((c < 0) if downward else (c > self.along) for _, c in cosines)} of {len(cosines)} updates looked at, and it rises.",
            site.where if downward else record.sites("model")[0].where, (cosines[0][0], record.steps),
            {"cosine of update and gradient": f"{median(c for _, c in cosines):.2f}", "loss": reading(losses)},
            cause=self.cause.format(where=where), fix=Fix("turn the sign around", turn_around))

    def rises(self, record: Record, site: Site) -> bool:
        """Whether a loss (the term, whatever the sign with which it was called) rises, or became NaN or infinite after it rose."""
        values = [(step, abs(value)) for step, value in readings(record, site)]
        known = learned(record)
        grew = len(values) > 1 and values[-1][1] > 1.5 * values[0][1]
        return certainty(values) > self.certain or grew or known.because.endswith("NaN or infinity")

    def example(self, sick: bool) -> Run:
        """A classifier; the sick one's optimizer maximises."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(200, 4)
        y = (x[:, 0] + x[:, 1] > 0).long()
        model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
        batches = [(x[i:i + 25], y[i:i + 25]) for i in range(0, 200, 25)]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=sick)
        return Run(model, optimizer, batches, nn.functional.cross_entropy, epochs=8)


def turn_around(run: Run) -> None:
    """Let the optimizer minimise or, if it does, the loss be called with the other sign."""
    if any(group.get("maximize") for group in run.optimizer.param_groups):
        for group in run.optimizer.param_groups:
            group["maximize"] = False
    else:
        loss = run.loss
        run.loss = lambda prediction, target: -loss(prediction, target)
