"""Where a loss was computed: where a trainer calls backward(), that says more than the line on which the user started the trainer."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from torch import Tensor

from gradwell.watch.source import rank, user_line

STEPS = 8  # of a run, in which the lines of its losses are learned
MOST = 32  # losses between two backward passes

Line = tuple[str | None, int | None]


class Origins:
    """Remembers the user's line at each of torch's loss functions until the next backward pass."""

    def __init__(self) -> None:
        self._lines: dict[Any, Line] = {}

    def note(self, result: Any) -> None:
        """A loss function was called while gradients are on."""
        if isinstance(result, Tensor) and result.grad_fn is not None and len(self._lines) < MOST:
            self._lines[result.grad_fn] = user_line()

    def line(self, node: Any, backward: Line) -> Line:
        """Where the loss that a node of the graph computes stands, given the line that led to backward()."""
        if not self._lines or not by_trainer():
            return backward
        noted = set(self._lines.values())
        found = self._lines.get(node) or (noted.pop() if len(noted) == 1 else backward)
        return found if found[0] is not None else backward

    def clear(self) -> None:
        """The backward pass is done."""
        self._lines.clear()


def by_trainer() -> bool:
    """Whether an installed package, rather than the user's own code, calls what is running in torch."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and rank(frame.f_code.co_filename) == 2:
        frame = frame.f_back
    return frame is not None and rank(frame.f_code.co_filename) == 1
