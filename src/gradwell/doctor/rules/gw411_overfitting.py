"""GW411: the loss on held-out examples rises while that of training falls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import certainty, course, finite, level, window
from gradwell.doctor.metrics import evaluations
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class Overfitting(Rule):
    """The model goes on learning its training examples, and what it learns of them no longer holds for others.

    Losses that the script computes without gradients are its evaluations, each place in the script for itself; so are the validation
    losses that a trainer tells of by name. Such a loss must have risen well above its best, with a clear trend since then, while the
    loss of training fell on.
    """

    code = "GW411"
    name = "overfitting"
    kind = "warning"
    signals = (signals.HELD_OUT, signals.METRIC, signals.LOSS, signals.TERM_LOSS)
    cause = "The model has more freedom than its examples can settle, and has begun to learn them by heart."
    remedy = ("Keep the weights of the best evaluation (early stopping); then more or augmented data, dropout, weight decay, "
              "or a smaller model.")
    source = "Prechelt 1998, Early Stopping - But When? (generalization loss above the best so far, while training still progresses)"

    margin: Annotated[float, "rise of the held-out loss above its best, relative to it"] = 0.2
    progress: Annotated[float, "what is left of the training loss since then"] = 0.9
    sure: Annotated[float, "standard errors of the held-out loss's trend since its best"] = 3.0
    least: Annotated[int, "evaluations, and half as many since the best"] = 6

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at every place that evaluates."""
        losses = course(record)
        for site, series in evaluations(record):
            held_out = finite(series)
            if len(held_out) < self.least:
                continue
            at, best = min(held_out, key=lambda one: one[1])
            since = [one for one in held_out if one[0] >= at]
            later = [one for one in losses if one[0] >= at]
            if best <= 0 or len(since) < self.least // 2 + 1 or len(later) < 2 or certainty(since) < self.sure:
                continue
            end, before, now = (level([value for _, value in part])[0] for part in
                                (held_out[-window(held_out):], later[:window(later)], later[-window(later):]))
            if end < (1 + self.margin) * best or now > self.progress * before or min(before, now) <= 0:
                continue
            yield self.finding(
                f"The held-out loss was best at step {at} with {best:.3g} and has risen to {end:.3g} since, while the training loss fell "
                f"from {before:.3g} to {now:.3g}.",
                site.where, (at, record.steps), {"held-out loss": reading(held_out), "evaluations": len(held_out)})
            return

    def example(self, sick: bool) -> Run:
        """Two overlapping blobs with a fifth of the labels wrong; the sick run has 40 examples and goes on for long."""
        import torch
        from torch import nn

        def train_and_validate(run: Run) -> None:
            for _ in range(run.epochs):
                for x, y in run.batches:
                    run.optimizer.zero_grad()
                    run.loss(run.model(x), y).backward()
                    run.optimizer.step()
                with torch.no_grad():
                    run.loss(run.model(held_out_x), held_out_y)

        torch.manual_seed(0)
        size = 40 if sick else 1000
        y = torch.arange(size + 400) % 2
        x = torch.randn(size + 400, 8)
        x[:, 0] += 2 * y - 1
        wrong = torch.rand(size + 400) < 0.2
        y[wrong] = 1 - y[wrong]
        held_out_x, held_out_y = x[size:], y[size:]
        model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))
        batches = [(x[i:i + 20], y[i:i + 20]) for i in range(0, size, 20)]
        optimizer: Any = torch.optim.Adam(model.parameters(), lr=0.01 if sick else 0.002)
        return Run(model, optimizer, batches, nn.functional.cross_entropy, epochs=60 if sick else 6, loop=train_and_validate)
