"""GW405: weights are updated while the model is in eval mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class TrainInEvalMode(Rule):
    """In eval mode dropout drops nothing and batch normalisation does not learn its statistics, so training there trains another network.

    Parts that are frozen on purpose, such as normalisation whose weights do not train, are no fault; nor is a model without such parts.
    """

    code = "GW405"
    name = "train-in-eval-mode"
    kind = "error"
    signals = (signals.EVAL_MODE,)
    cause = "model.eval() was called, for validation as a rule, and model.train() was not called after it."
    remedy = "Call model.train() at the start of every training epoch, and model.eval() only around validation."
    source = "torch.nn.Module.train and eval documentation; PyTorch FAQ on dropout and batch normalisation"
    consequences = ("GW410", "GW411", "GW504", "GW605")

    share: Annotated[float, "share of the updates in the second half of the run that were made in eval mode"] = 0.5

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the mode of every model at its updates."""
        for site in record.sites("model"):
            modes = record.series(signals.EVAL_MODE.name, site)
            second = [value for _, value in modes[len(modes) // 2:]]
            bad = [step for step, value in modes if value > 0.5]
            if not bad or sum(second) < self.share * len(second):
                continue
            since = f", all since step {bad[0]}" if modes[-len(bad)][0] == bad[0] else f", the first at step {bad[0]}"
            late = "" if bad[0] == modes[0][0] else since
            yield self.finding(
                f"{len(bad)} of {len(modes)} updates looked at were made in eval mode{late}.", site.where, (bad[0], record.steps),
                {"eval mode": reading(modes)}, fix=Fix("switch the model to training mode whenever gradients are on", keep_training))

    def example(self, sick: bool) -> Run:
        """Two blobs and a deep net that needs its batch normalisation; the sick loop validates first and stays in eval mode."""
        import torch
        from torch import nn

        def train_and_validate(run: Run) -> None:
            for _ in range(run.epochs):
                run.model.eval()
                with torch.no_grad():
                    for x, y in run.batches:
                        run.loss(run.model(x), y)
                if not sick:
                    run.model.train()
                for x, y in run.batches:
                    run.optimizer.zero_grad()
                    run.loss(run.model(x), y).backward()
                    run.optimizer.step()

        torch.manual_seed(0)
        y = torch.arange(240) % 2
        x = torch.randn(240, 2) + 4 * y[:, None] - 2
        x = (x - x.mean(0)) / x.std(0)
        body = [part for i in range(6) for part in (nn.Linear(16 if i else 2, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU())]
        model = nn.Sequential(*body, nn.Linear(16, 2))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        return Run(model, optimizer, batches, nn.functional.cross_entropy, epochs=6, loop=train_and_validate)


def keep_training(run: Run) -> None:
    """Put the model in training mode before every forward pass that computes gradients."""
    import torch

    def before_forward(model: Any, _: object) -> None:
        if torch.is_grad_enabled():
            model.train()

    run.model.register_forward_pre_hook(before_forward)
