"""Losses that the script computes without gradients: what a run knows of examples that it does not learn from.

They are heard where torch's own loss functions call into torch's core. All those of one place between two updates are one evaluation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import sample
from gradwell.watch.source import rank

FUNCTIONS = (
    (torch._C._nn, "cross_entropy_loss"), (torch._C._nn, "nll_loss_nd"), (torch._C._nn, "mse_loss"), (torch._C._nn, "l1_loss"),
    (torch._C._nn, "smooth_l1_loss"), (torch._C._nn, "huber_loss"), (torch._C._nn, "binary_cross_entropy"),
    (torch, "binary_cross_entropy_with_logits"),
)
FRAMES = 4  # of the user's that make a place: a function that measures training and validation in turn is two places
Put = Callable[[str, int, int, Tensor], None]
Place = tuple[tuple[str, int], ...]


class HeldOut:
    """Adds up the losses of each place, and notes their mean when the next step begins."""

    def __init__(self) -> None:
        self._sums: dict[Place, tuple[Tensor, int]] = {}
        self._sites: dict[Place, int] = {}

    def note(self, result: Any) -> None:
        """A loss function was called while gradients are off. Inside a function transform, or without values, there is nothing to keep."""
        transformed = torch._C._functorch.peek_interpreter_stack() is not None
        if isinstance(result, Tensor) and result.numel() and not result.is_meta and not transformed:
            at, value = place(), sample.local(result.detach()).float().mean()
            total, calls = self._sums.get(at, (torch.zeros_like(value), 0))
            self._sums[at] = total + value, calls + 1

    @property
    def heard(self) -> bool:
        """Whether a loss was computed since the last time."""
        return bool(self._sums)

    def write(self, record: Record, put: Put, step: int) -> None:
        """Note the mean of every place where a loss was computed since the last time, as of a step."""
        for at, (total, calls) in self._sums.items():
            if at not in self._sites:
                self._sites[at] = record.site("evaluation", "evaluation", "loss", *(at[0] if at else (None, None)))
            put(signals.HELD_OUT.name, self._sites[at], step, total / calls)
        self._sums.clear()


def place() -> Place:
    """The lines of the user's own code that are running, innermost first."""
    lines: list[tuple[str, int]] = []
    frame = sys._getframe(1)
    while frame is not None and len(lines) < FRAMES:
        if rank(frame.f_code.co_filename) == 0:
            lines.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(lines)
