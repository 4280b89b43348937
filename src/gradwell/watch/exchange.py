"""Does the output of an example depend on its own input, and on nothing else? One example after another is exchanged, to see what moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.watch.apart import NotTried
from gradwell.watch.batch import axis_of, tensors
from gradwell.watch.notes import Notes
from gradwell.watch.subject import Subject, hearing

ALIKE = 1e-4  # of the outputs' size; what moves less has not moved
TRIED = 4  # examples that are exchanged, one at a time
Line = Callable[[nn.Module], tuple[str | None, int | None]]


def exchanged(subject: Subject, line: Line) -> dict[str, Any]:
    """What moves in the outputs when an example's inputs are exchanged for another's.

    own, others: of each exchanged example, whether its own output moved, and the share of the others that did; ordered: whether the
    output of one example depends on the order of the others; apart: how much the outputs of the examples differ, relative to their size;
    read: recurrent and attention layers, with the axes they were given; across: softmaxes down the examples.
    """
    n, calls, notes = subject.examples, [], Notes(subject.examples)

    def heard(name: str, module: Any, args: Any) -> None:
        if args and isinstance(args[0], Tensor) and args[0].dim() == 3:
            calls.append(read(name, module, args[0], n) | dict(zip(("file", "line"), line(module), strict=True)))

    with hearing(subject.model, (nn.RNNBase, nn.MultiheadAttention), heard):
        base = subject.rows(subject.output(subject.inputs, notes))
    if not torch.equal(base, subject.rows(subject.output(subject.inputs))):
        raise NotTried("two runs on the same batch give different outputs, as where a state is kept from one to the next")
    size = base.abs().amax().clamp_min(1e-30)
    own, others = [], []
    for j in tried(subject):
        order = list(range(n))
        order[j] = unlike(subject, j)
        moved = (subject.rows(subject.output(subject.chosen(order))) - base).abs().amax(1) > ALIKE * size
        own.append(bool(moved[j]))
        others.append((int(moved.sum()) - int(moved[j])) / (n - 1))
    return {
        "examples": n, "axis": subject.axis, "own": own, "others": others, "ordered": ordered(subject, base) if any(others) else False,
        "apart": float((base - base.mean(0)).abs().amax() / size), "statistics": notes.batch_statistics, "across": notes.across[:4],
        "read": [call for i, call in enumerate(calls) if call not in calls[:i]][:16],
        "dims": [x.dim() for x in tensors(subject.inputs)], "numbers": [x.is_floating_point() for x in tensors(subject.inputs)],
        "each": [axis_of(x, n) is not None for x in tensors(subject.inputs)],
    }


def read(name: str, module: Any, x: Tensor, examples: int) -> dict[str, Any]:
    """A layer that reads sequences, and which axis of its input holds the examples: `batch`, `time`, or neither."""
    at_batch, at_time = (0, 1) if module.batch_first else (1, 0)
    axis = "batch" if x.shape[at_batch] == examples else "time" if x.shape[at_time] == examples and x.shape[at_batch] > 1 else ""
    return {"module": name, "type": type(module).__name__, "batch_first": bool(module.batch_first), "axis": axis,
            "shape": list(x.shape[:2])}


def tried(subject: Subject) -> list[int]:
    """Some examples of the batch, evenly spaced."""
    at = torch.linspace(0, subject.examples - 1, min(TRIED, subject.examples))
    return [int(i) for i in at.round()]


def unlike(subject: Subject, j: int) -> int:
    """Another example of the batch whose inputs differ from those of one.

    Raises NotTried where all are alike.
    """
    others = [i for i in range(subject.examples) if i != j]
    for i in others[j:] + others[:j]:
        for x in tensors(subject.inputs):
            axis = axis_of(x, subject.examples)
            if axis is not None and not torch.equal(x.select(axis, i), x.select(axis, j)):
                return i
    raise NotTried  # all examples of the batch are alike


def ordered(subject: Subject, base: Tensor) -> bool:
    """Whether the output of the first or the last example moves when the others change places."""
    n = subject.examples
    for kept, order in ((0, [0, *range(2, n), 1]), (n - 1, [n - 2, *range(n - 2), n - 1])):
        moved = (subject.rows(subject.output(subject.chosen(order)))[kept] - base[kept]).abs().amax()
        if bool(moved > ALIKE * base.abs().amax()):
            return True
    return False
