"""The logarithms in a loss: what each is taken of, whether anything keeps its argument away from 0, and the least argument there was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.signal import Signal
from gradwell.watch import sample
from gradwell.watch.graph import RESHAPES, Node, as_part, inputs, operation, saved
from gradwell.watch.loss import DEPTH, PICKS, REDUCTIONS

LOGARITHMS = ("Log", "Log2", "Log10")
GUARDS = ("Clamp", "ClampMin", "Add", "Maximum")
WAY = RESHAPES | PICKS | {"Clamp", "ClampMin", "ClampMax", "Add", "Rsub", "Sub", "Gather", "Maximum", "Minimum"}


@dataclass
class Logarithm:
    """A logarithm that enters a loss linearly, and what stands below it."""

    operation: str  # softmax, sigmoid, layer, or another operation
    guarded: bool = False  # something on the way keeps the argument from 0
    picked: bool = False  # the logarithm is weighed with data, or picked by class: a likelihood
    between: list[str] = field(default_factory=list)
    argument: Tensor | None = None  # that of the logarithm itself
    raw: Tensor | None = None  # before any clamp
    most: float = math.inf  # what a clamp cuts from above

    def facts(self) -> dict[str, Any]:
        """What rules need to know, as plain values that change only when the script's loss does."""
        return {"of": self.operation, "guarded": self.guarded, "picked": self.picked, "between": self.between}


def logarithms(root: Node) -> list[Logarithm]:
    """Every logarithm that a loss adds up, reached through sums, means and products only."""
    found, seen = [], {root}
    queue: list[tuple[Node, bool]] = [(root, False)]
    while queue and len(seen) < DEPTH:
        node, picked = queue.pop(0)
        name = operation(node)
        if name in LOGARITHMS:
            found.append(read(node, picked))
        elif name in REDUCTIONS or name in ("Rsub", "Gather", "NllLoss"):
            weighs = name in ("Gather", "NllLoss", "Index") or (name == "Mul" and weighed(node))
            for child in inputs(node):
                if child not in seen:
                    seen.add(child)
                    queue.append((child, picked or weighs))
    return found


def weighed(node: Node) -> bool:
    """Whether a product is with a tensor of data, not with a number and not with another computed value."""
    factor = saved(node, "other", "self")
    return len(inputs(node)) == 1 and isinstance(factor, Tensor) and factor.numel() > 1


def read(logarithm: Node, picked: bool) -> Logarithm:
    """What a logarithm is taken of."""
    argument = saved(logarithm, "self")
    found = Logarithm("", picked=picked, argument=argument.detach() if isinstance(argument, Tensor) else None)
    found.raw = found.argument
    above = inputs(logarithm)
    while len(above) == 1 and operation(above[0]) in WAY and len(found.between) < DEPTH:
        name = operation(above[0])
        found.guarded = found.guarded or name in GUARDS
        if name.startswith("Clamp") and isinstance(before := saved(above[0], "self"), Tensor):
            found.raw, top = before.detach(), getattr(above[0], "_saved_max", None)
            found.most = top if isinstance(top, (int, float)) else math.inf
        if name not in RESHAPES | PICKS:
            found.between.append(name)
        above = inputs(above[0])
    part = as_part(above[0]) if len(above) == 1 else None
    found.operation = "layer" if part is not None and part.kind == "layer" else operation(above[0]) if len(above) == 1 else ""
    return found


def measure(found: list[Logarithm]) -> Iterator[tuple[Signal, Tensor]]:
    """The least argument of the logarithms that nothing keeps away from 0, and the largest share of raw scores under one that are no
    probabilities: zero, below it, no number, or cut from above.
    """
    least = [one.argument.amin().float() for one in found
             if one.operation in ("Softmax", "Sigmoid") and not one.guarded and one.argument is not None and one.argument.numel()]
    raw = [(sample.flat(one.raw), one.most) for one in found
           if one.operation == "layer" and one.picked and one.raw is not None and one.raw.numel()]
    if least:
        yield signals.LOG_LEAST, torch.stack(least).amin()
    if raw:
        yield signals.LOG_BEYOND, torch.stack([1 - ((values > 0) & (values <= most)).float().mean() for values, most in raw]).amax()
