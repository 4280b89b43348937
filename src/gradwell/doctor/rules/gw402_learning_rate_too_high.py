"""GW402: the updates are too large for the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.cures import slow_down
from gradwell.doctor.evidence import reading, tail
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import course, learned, level, lowest, window
from gradwell.doctor.motion import update_sizes
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class LearningRateTooHigh(Rule):
    """A gradient holds for a small step only; an update as large as the weights lands where nothing is known, mostly higher up.

    No rate is high in itself. What counts is the size of an update relative to the weights it changes: one update, or the first few
    together, replaced them, after which the loss rose and did not come back, or updates stay too large to the end, while the run learns
    nothing or loses what it had learned. Weights that begin at zero have no such size.
    """

    code = "GW402"
    name = "learning-rate-too-high"
    kind = "warning"
    signals = (signals.UPDATE_RATIO, signals.LEARNING_RATE, signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "The learning rate is too high for these gradients and weights."
    remedy = "Divide the learning rate by 10, and again if that is not enough; a warm-up helps where only the first updates are too large."
    source = ("LeCun et al. 1998, Efficient BackProp, section 4.7; an update of about 1e-3 of the weights is usual (Bottou; CS231n, "
              "Neural Networks 3); 1e-1 is TheDeepChecker's upper limit (TOSEM 2022)")
    consequences = ("GW101", "GW102", "GW105", "GW106", "GW107", "GW202", "GW203", "GW204", "GW205", "GW410", "GW413",
                    "GW605")

    replaced: Annotated[float, "size of one update of the median weight matrix, relative to the weights"] = 1.0
    large: Annotated[float, "size of the updates of the second half of the run, relative to the weights"] = 0.1
    rise: Annotated[float, "loss, relative to the first one and the trivial predictor's, or to its own minimum"] = 2.0
    together: Annotated[float, "size of the first four updates together, relative to the weights"] = 1.5
    jump: Annotated[float, "loss after them, relative to the first one and the trivial predictor's"] = 1.4
    least: Annotated[int, "updates looked at"] = 3
    calm: Annotated[int, "updates looked at, all small, after which a single large one is a spike"] = 8

    def check(self, record: Record) -> Iterator[Finding]:
        """Ask for large updates, and for a loss that they raised."""
        sizes, losses, known = update_sizes(record), course(record), learned(record)
        lost = known.because.endswith("NaN or infinity")
        if len(sizes) < self.least or not losses or (losses[-1][0] < record.steps / 2 and not lost):
            return  # how the loss went on is not known
        worst = next((size for size in sizes if size[1] > self.replaced), sizes[len(sizes) // 2])
        rose = lost or highest(losses) > self.rise * max(losses[0][1], known.trivial or 0.0)
        before = [size for step, size in sizes if step < worst[0]]
        alone = sum(size > self.replaced for _, size in sizes) == 1 and len(before) >= self.calm and median(before) < self.large
        replaced = worst[1] > self.replaced and rose and known.nothing and not alone
        early = sum(size for step, size in sizes if step <= 4)
        if not replaced and early > self.together and known.nothing:
            replaced = highest(losses) > self.jump * max(losses[0][1], known.trivial or 0.0)
            worst = max(sizes, key=lambda size: size[1])
        sustained = median(tail(sizes)) > self.large and (known.nothing or self.came_back(losses, known.trivial))
        if not replaced and not sustained:
            return
        rates = record.series(signals.LEARNING_RATE.name)
        what = (f"one update, at step {worst[0]}, changed the weights by {worst[1]:.2g} times their size" if worst[1] > self.replaced else
                f"the first updates changed the weights by {early:.2g} times their size" if replaced else
                f"every update changes the weights by {median(tail(sizes)):.0%} of their size")
        then = "became NaN or infinite" if lost else "stays no better than a blind guess" if known.nothing else "rose again"
        yield self.finding(
            f"At a learning rate of {max(rate for _, rate in rates):.2g}, {what}, and the loss {then}.",
            record.sites("model")[0].where if record.sites("model") else Where("optimizer"), (worst[0], record.steps),
            {"update / weights": reading(sizes), "loss": reading(losses), "highest loss": f"{highest(losses):.3g}",
             "learning rate": reading(rates)},
            fix=Fix("divide the learning rate by 10", slow_down))

    def came_back(self, losses: list[tuple[int, float]], trivial: float | None) -> bool:
        """Whether the loss ended far above its own minimum, by a share of what there was to learn."""
        last, least = level([value for _, value in losses[-window(losses):]])[0], lowest(losses) or 0.0
        return last > self.rise * least and last - least > 0.5 * ((trivial or losses[0][1]) - least)

    def example(self, sick: bool) -> Run:
        """A regression with Adam; the sick run's first updates are many times as large as the weights."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = x[:, :1] - 0.5 * x[:, 1:2] + 0.1 * torch.randn(256, 1)
        model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 256, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=1.0 if sick else 0.003), batches, nn.functional.mse_loss, epochs=6)


def highest(losses: list[tuple[int, float]]) -> float:
    """The largest median of three losses in a row."""
    values = [value for _, value in losses]
    return max((median(values[i:i + 3]) for i in range(max(1, len(values) - 2))), default=0.0)
