"""GW403: the updates are too small to get anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.cures import speed_up
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import certainty, course, learned, trend
from gradwell.doctor.motion import longest_way, update_sizes
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class LearningRateTooLow(Rule):
    """When all updates of a run together hardly change the weights, the net ends about as it began, on the way and far from its goal.

    No rate is low in itself: a trained net that is tuned further needs small steps. So the run must also have begun no better than
    a predictor blind to the input, still be getting better at the end, and be far from having learned.
    """

    code = "GW403"
    name = "learning-rate-too-low"
    kind = "warning"
    signals = (signals.UPDATE_RATIO, signals.LEARNING_RATE, signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "The learning rate is too low: the steps go the right way and are too small."
    remedy = "Multiply the learning rate by 10, and again while the loss falls smoothly; Adam's usual rate is 1e-3, SGD's 1e-2 to 1e-1."
    source = ("LeCun et al. 1998, Efficient BackProp, section 4.7; an update of about 1e-3 of the weights is usual (CS231n, Neural "
              "Networks 3), so that a hundred of them move a weight by a tenth")
    consequences = ("GW410",)

    moved: Annotated[float, "sum of all updates of the weight matrix that moved most, relative to its size"] = 0.1
    least: Annotated[int, "updates"] = 100
    untrained: Annotated[float, "loss at the beginning, relative to the trivial predictor's"] = 0.8
    far: Annotated[float, "loss at the end, relative to the trivial predictor's"] = 0.5
    certain: Annotated[float, "standard errors by which the loss must fall"] = 3.0
    steady: Annotated[float, "slope of the second half, relative to that of the whole run"] = 0.3

    def check(self, record: Record) -> Iterator[Finding]:
        """Ask how far the weights came, and whether the loss was still falling."""
        way, losses, known = longest_way(record), course(record), learned(record)
        if record.steps < self.least or not way < self.moved or known.trivial is None or known.first is None or known.last is None:
            return
        whole, half = trend(losses)[0], trend(losses[len(losses) // 2:])[0]
        falling = certainty(losses) < -self.certain and whole is not None and half is not None and half < self.steady * whole
        if not falling or known.first < self.untrained * known.trivial or known.last < self.far * known.trivial:
            return
        rates = record.series(signals.LEARNING_RATE.name)
        yield self.finding(
            f"In {record.steps} updates at a learning rate of {max(rate for _, rate in rates):.2g} no weight matrix moved by more than "
            f"{way:.1%} of its size; the loss still falls.",
            record.sites("model")[0].where if record.sites("model") else Where("optimizer"), (losses[0][0], record.steps),
            {"update / weights": reading(update_sizes(record)), "loss": f"{known.first:.3g} ... {known.last:.3g}",
             "loss of a predictor that ignores the input": f"{known.trivial:.3g}", "learning rate": reading(rates)},
            fix=Fix("multiply the learning rate by 10", speed_up))

    def example(self, sick: bool) -> Run:
        """A regression with Adam; the sick run's rate is a thousandth of the healthy one's."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = x[:, :1] - 0.5 * x[:, 1:2] + 0.1 * torch.randn(256, 1)
        model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
        return Run(model, torch.optim.Adam(model.parameters(), lr=1e-5 if sick else 1e-2), [(x, y)], nn.functional.mse_loss, epochs=120)
