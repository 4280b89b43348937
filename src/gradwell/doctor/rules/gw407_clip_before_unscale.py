"""GW407: gradients are clipped while a GradScaler's factor is still in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class ClipBeforeUnscale(Rule):
    """In mixed precision gradients carry the scaler's factor, 65,536 at first, so a threshold meant for true gradients cuts nearly all.

    What remains after the factor is taken out is a gradient of next to nothing. A threshold multiplied by the factor is no fault.
    """

    code = "GW407"
    name = "clip-before-unscale"
    kind = "error"
    signals = (signals.SCALED_CLIP, signals.CLIPPED)
    cause = "Gradients are clipped between scaler.scale(loss).backward() and scaler.step(optimizer) without scaler.unscale_(optimizer)."
    remedy = "Call scaler.unscale_(optimizer) before torch.nn.utils.clip_grad_norm_(model.parameters(), ...), once for every update."
    source = "PyTorch documentation, Automatic Mixed Precision examples: Working with Unscaled Gradients, Gradient clipping"
    consequences = ("GW403", "GW408", "GW410")

    nearly_all: Annotated[float, "share of the clippings looked at"] = 0.5

    def check(self, record: Record) -> Iterator[Finding]:
        """Count the clippings that saw scaled gradients."""
        looks = record.series(signals.SCALED_CLIP.name)
        scaled = [step for step, flag in looks if flag > 0]
        if not scaled or len(scaled) < self.nearly_all * len(looks):
            return
        yield self.finding(
            f"{len(scaled)} of {len(looks)} clippings looked at were of gradients that still had the GradScaler's factor in them.",
            record.sites("model")[0].where if record.sites("model") else Where("optimizer"), (scaled[0], record.steps),
            {"clippings of scaled gradients": f"{len(scaled)} of {len(looks)}"})

    def example(self, sick: bool) -> Run:
        """A regression with a GradScaler and clipping; the sick loop leaves out unscale_."""
        import torch
        from torch import nn

        def loop(run: Run) -> None:
            scaler = torch.amp.GradScaler("cpu")
            for _ in range(run.epochs):
                for x, y in run.batches:
                    run.optimizer.zero_grad()
                    scaler.scale(run.loss(run.model(x), y)).backward()
                    if not sick:
                        scaler.unscale_(run.optimizer)
                    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
                    scaler.step(run.optimizer)
                    scaler.update()

        torch.manual_seed(0)
        x = torch.randn(256, 8)
        y = x[:, :1] - 0.5 * x[:, 1:2]
        model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 256, 32)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, nn.functional.mse_loss, epochs=8, loop=loop)
