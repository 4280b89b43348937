"""A watcher that also treats: it applies one remedy from outside before the first update, and ends the process after some steps."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gradwell.doctor.record import Record
from gradwell.doctor.run import Run
from gradwell.doctor.trials import fix
from gradwell.watch import graph
from gradwell.watch.settings import UNTOUCHED, Settings
from gradwell.watch.watcher import Watcher

REFUSALS = 3  # times that the script may catch its own end


class Patient(Run):
    """A stranger's run, as far as it can be held from outside: a model, its optimizer, and what the last loss depended on."""

    leaves: Callable[[], list[Any]]

    def reached(self) -> list[Any]:
        """The parameters that the loss depends on."""
        return self.leaves()


class Treated(Watcher):
    """Watches a script of which one thing is changed."""

    def __init__(self, settings: Settings, create: Callable[[], Record]) -> None:
        super().__init__(settings, create)
        self._had: set[int] = set()
        self._reached: list[Any] = []
        self._refused = 0
        self._worked = False
        sow(settings.seed)

    def on_backward(self, tensors: Any) -> None:
        """A step begins; the one after the last ends the process."""
        if self.settings.steps is not None and not self._began and self.step >= self.settings.steps:
            self._end()
        super().on_backward(tensors)
        found = tensors if isinstance(tensors, (list, tuple)) else [tensors]
        root = next((t for t in found if isinstance(t, torch.Tensor) and t.grad_fn is not None), None)
        if self.settings.treatment and not self._had and root is not None:
            self._reached = graph.leaves(graph.forward_order(root.grad_fn)[0])

    def before_step(self, optimizer: Any) -> None:
        """The first step of an optimizer: the remedy is applied to what it trains."""
        super().before_step(optimizer)
        if self.settings.treatment and id(optimizer) not in self._had:
            self._had.add(id(optimizer))
            self._treat(optimizer, self.settings.treatment)

    def _treat(self, optimizer: Any, code: str) -> None:
        folder = self.settings.folder or Path()
        cure = fix(Record.open(folder.parent / UNTOUCHED), code)
        roots = self.registry.roots([p for group in optimizer.param_groups for p in group["params"]])
        if cure is None or not roots:
            return
        for root in roots:
            patient = Patient(root, optimizer, (), lambda *_: None)
            patient.leaves = lambda: self._reached
            before = fingerprint(root, optimizer)
            cure.apply(patient)
            self._worked = self._worked or fingerprint(root, optimizer) != before
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.detach().zero_()  # it belongs to the model as it was
        if self._worked and self.record is not None:
            self.record.note("treated", code)

    def _end(self) -> None:
        """End the process as the script itself might; where it will not have that, at once."""
        self._refused += 1
        if self._refused > REFUSALS:
            self.end()
            sys.stdout.flush()
            os._exit(0)
        raise SystemExit(0)


def sow(seed: int | None) -> None:
    """Set the seeds of random, numpy and torch."""
    if seed is not None:
        random.seed(seed)
        torch.manual_seed(seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(seed)


def fingerprint(model: torch.nn.Module, optimizer: Any) -> tuple[Any, ...]:
    """What tells whether a remedy changed anything."""
    weights = [(id(p), float(p.detach().double().sum()), float(p.detach().double().square().sum())) for p in model.parameters()]
    hooks = [len(getattr(optimizer, name, ())) for name in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")]
    hooks += [len(module._forward_pre_hooks) + len(module._forward_hooks) for module in model.modules()]
    held = [(group["lr"], len(group["params"])) for group in optimizer.param_groups]
    return repr(model), model.training, weights, hooks, held
