"""GW203: rare steps have a gradient many times the usual, and the loss jumps after them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import course, finite, learned
from gradwell.doctor.ranks import gradient_norms
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class GradientSpikes(Rule):
    """A single step with a gradient many times the usual undoes what many steps have learned.

    A large gradient alone is no fault, and a clipped one does no harm. What counts is a jump of the loss right after it, beyond
    anything the loss did before; a warning is given only if the run did not recover.
    """

    code = "GW203"
    name = "gradient-spikes"
    kind = "warning"
    signals = (signals.GRADIENT_NORM, signals.SHARD_NORM, signals.CLIPPED, signals.LOSS)
    cause = "A rare batch, or a steep place of the loss, gives a gradient far larger than all others, and the whole of it is used."
    remedy = "Clip before step(): torch.nn.utils.clip_grad_norm_(model.parameters(), {threshold:.2g}); look at that step's batch."
    source = "Pascanu et al. 2013 (arXiv 1211.5063), cliffs and clipping; the robust z-score is Iglewicz and Hoaglin's (1993)"
    consequences = ("GW101", "GW102")

    spike: Annotated[float, "gradient norm, relative to the median of all before it"] = 10.0
    score: Annotated[float, "robust standard deviations of the logarithm of the norm, above its median"] = 6.0
    least: Annotated[int, "norms read before a spike can be told"] = 8
    after: Annotated[int, "readings of the loss after the spike in which it must jump"] = 3
    jump: Annotated[float, "loss after the spike, relative to the largest of the readings before it"] = 2.0

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare each norm with those before it, and the loss after it with that before."""
        norms = [(step, norm) for step, norm in finite(gradient_norms(record)) if norm > 0]
        clipped = {step for step, share in record.series(signals.CLIPPED.name) if share < 1}
        losses = course(record)
        spikes = [step for i, (step, norm) in enumerate(norms) if i >= max(self.least, 2) and step not in clipped
                  and self.stands_out(norm, [value for _, value in norms[:i]]) and self.jumps(losses, step)]
        if not spikes:
            return
        usual = [norm for step, norm in norms if step < spikes[0]]
        threshold = quantiles(usual, n=10)[-1]
        worst = max(norm for step, norm in norms if step in spikes)
        yield self.finding(
            f"{len(spikes)} of {len(norms)} gradients looked at are up to {worst / median(usual):.0f} times the usual, and the loss jumps "
            f"after {'it' if len(spikes) == 1 else 'them'}.",
            record.sites("model")[0].where if record.sites("model") else Where("model"), (spikes[0], spikes[-1]),
            {"spikes at steps": ", ".join(map(str, spikes[:5])), "gradient norm": reading(norms), "largest": f"{worst:.3g}",
             "nine tenths of the norms before it are below": f"{threshold:.3g}", "loss": reading(losses)},
            "warning" if learned(record).late else "note", remedy=self.remedy.format(threshold=threshold),
            fix=Fix(f"clip gradients to a norm of {threshold:.2g}", lambda run: clip(run, threshold)))

    def stands_out(self, norm: float, before: list[float]) -> bool:
        """Whether a norm is far above all that came before it, by both measures."""
        logs = [math.log(value) for value in before]
        middle = median(logs)
        spread = max(1.4826 * median(abs(value - middle) for value in logs), 0.1)
        return norm > self.spike * math.exp(middle) and math.log(norm) - middle > self.score * spread

    def jumps(self, losses: list[tuple[int, float]], step: int) -> bool:
        """Whether the loss after a step is far above anything shortly before."""
        before = [value for at, value in losses if at <= step][-20:]
        after = [value for at, value in losses if at > step][:self.after]
        return bool(before and after) and min(before) > 0 and median(after) > self.jump * max(before[:-1] or before)

    def example(self, sick: bool) -> Run:
        """A regression; one of the sick run's last batches has an example that was entered in the wrong unit."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(480, 8)
        y = x[:, :1] - 0.5 * x[:, 1:2] + 0.5 * torch.randn(480, 1)
        if sick:
            x[330] *= 100.0
        model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 480, 32)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.05), batches, nn.functional.mse_loss, epochs=1 if sick else 4)


def clip(run: Run, threshold: float) -> None:
    """Clip the gradients before every step of the optimizer."""
    import torch

    def before_step(optimizer: Any, *_: object) -> None:
        torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], threshold)

    run.optimizer.register_step_pre_hook(before_step)
