"""GW410: training stopped while the loss was still falling steadily."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import certainty, course, learned, trend
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class Undertrained(Rule):
    """A run that stops while its loss falls as fast as before has not shown what the model can learn.

    Every run could go on a little. Only one that ends far from having learned, with no sign that its loss flattens, is reported.
    """

    code = "GW410"
    name = "undertrained"
    kind = "warning"
    signals = (signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS, signals.SETUP)
    cause = "The run has too few updates for its learning rate."
    remedy = "Train for several times as many epochs, or with a higher learning rate, until the loss of held-out data stops falling."
    source = "Prechelt 1998, Early Stopping - But When?; Goodfellow et al. 2016, Deep Learning, section 11.4.1"

    least: Annotated[int, "updates"] = 100
    far: Annotated[float, "loss at the end, relative to the trivial predictor's"] = 0.5
    certain: Annotated[float, "standard errors by which the loss must fall in the last third"] = 4.0
    steady: Annotated[float, "slope of the last third, relative to that of the third before"] = 0.8
    gain: Annotated[float, "share of the loss that as many updates again would take off at that slope"] = 0.25

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the slopes of the last two thirds."""
        losses, known = course(record), learned(record)
        setups = [setup for _, setup in record.facts(signals.SETUP.name)]
        if record.steps < self.least or known.trivial is None or known.last is None or any(setup["optimizers"] > 1 for setup in setups):
            return
        third = len(losses) // 3
        (middle, _), (last, _) = trend(losses[third:2 * third]), trend(losses[2 * third:])
        if middle is None or last is None or known.last < self.far * known.trivial or certainty(losses[2 * third:]) > -self.certain:
            return
        gain = -last / 100 * record.steps / known.last
        if middle >= 0 or last > self.steady * middle or gain < self.gain or known.last > 1.05 * known.trivial:
            return
        site = next(iter(record.sites("loss")))
        yield self.finding(
            f"The loss ends at {known.last:.3g}, where a predictor that ignores the input has {known.trivial:.3g}, and falls as fast as "
            "before: by {0:.0%} if training went on for as long again.".format(gain),
            site.where, (losses[2 * third][0], record.steps),
            {"slope": f"{middle:.2g}, then {last:.2g} in 100 updates", "updates": record.steps},
            fix=Fix("train four times as long", go_on))

    def example(self, sick: bool) -> Run:
        """A regression with Adam; the sick run stops after a twentieth of the epochs."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(512, 8)
        y = x[:, :1] - 0.5 * x[:, 1:2]
        model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 512, 64)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=1e-3 if sick else 1e-2), batches, nn.functional.mse_loss, epochs=13)


def go_on(run: Run) -> None:
    """Train four times as many epochs."""
    run.epochs *= 4
