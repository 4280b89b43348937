"""Does what a model says of a short sequence depend on how much padding follows it? More of the same is added, to see what moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.watch.apart import NotTried
from gradwell.watch.batch import axis_of, changed, tensors
from gradwell.watch.notes import Notes
from gradwell.watch.subject import Subject


@dataclass(frozen=True)
class Padding:
    """Sequences that are filled up at their end: how long each really is, and how that was told."""

    x: Tensor  # the tensor of the batch that holds them
    axis: int  # of time
    lengths: Tensor  # (examples,)
    declared: str  # lengths | mask | "" where only the sequences themselves show it

    @property
    def steps(self) -> int:
        """The length of the longest, padding included."""
        return int(self.x.shape[self.axis])


def padding(subject: Subject) -> Padding | None:
    """The padding of a batch; None where there is none, or where it is not certain."""
    parts = list(tensors(subject.inputs))
    x = parts[0] if parts else None
    if x is None or x.dim() not in (2, 3) or (x.dim() == 2 and x.is_floating_point()) or (at := axis_of(x, subject.examples)) is None:
        return None
    table = x.movedim(at, 0).reshape(subject.examples, x.shape[1 - at], -1)  # (examples, time, values)
    found = [(lengths, name) for part in parts[1:] for name, lengths in told(part, *table.shape[:2])]
    if not found and x.is_floating_point():
        return None
    lengths, declared = found[0] if found else (tail(table), "")
    there = torch.arange(table.shape[1], device=table.device) < lengths[:, None]
    short = lengths < table.shape[1]
    if int(short.sum()) < 2 or bool((lengths < 1).any()):
        return None
    pad = table[~there][0]
    same = (table == pad).all(-1)  # (examples, time)
    if not bool(same[~there].all()) or bool(same[:, 0].any()):
        return None
    if not declared and (bool((same & there).any()) or len(set(lengths[short].tolist())) < 3 or float(short.float().mean()) < 0.25):
        return None
    return Padding(x, 1 - at, lengths, declared)


def told(part: Tensor, examples: int, steps: int) -> list[tuple[str, Tensor]]:
    """The lengths that an argument beside the sequences tells, as numbers (examples,) or as a mask (examples, steps)."""
    numbers = part.shape == (examples,) and not part.is_floating_point() and bool(((part >= 1) & (part <= steps)).all())
    if numbers and bool((part != part[0]).any()):
        return [("lengths", part.long())]
    mask = part if part.shape == (examples, steps) else part.t() if part.shape == (steps, examples) else None
    if mask is None or not bool(((mask == 0) | (mask == 1)).all()):
        return []
    there = mask.bool() if bool((mask[:, 0] == 1).all()) else ~mask.bool()
    lengths = there.sum(1)
    return [("mask", lengths)] if torch.equal(there, torch.arange(steps, device=part.device) < lengths[:, None]) else []


def tail(table: Tensor) -> Tensor:
    """The length of each sequence (examples, time, values) without the run of one same vector, two or more, at its end."""
    run = (table == table[:, -1:]).all(-1).flip(1).int().cumprod(1).sum(1)
    shortest = table[run.argmax(), -1]
    return table.shape[1] - torch.where((table[:, -1] == shortest).all(-1) & (run >= 1), run, 0)


def longer(subject: Subject, known: Padding, more: int) -> Any:
    """The batch with more padding at the end of all sequences, and of their mask."""

    def extend(part: Tensor) -> Tensor:
        at = axis_of(part, subject.examples)
        if at is None or part.dim() < 2 or part.shape[1 - at] != known.steps:
            if known.steps in part.shape:
                raise NotTried("an argument has as many places as the sequences have steps, and is no mask of theirs")
            return part
        i = int(known.lengths.argmin())
        last = part.select(at, i).select(0, known.steps - 1)  # as at the end of the shortest
        shape = list(part.shape)
        shape[1 - at] = more
        return torch.cat([part, last.expand(*shape[:2], *last.shape)], 1 - at)

    return changed(subject.inputs, extend)


def padded(subject: Subject) -> dict[str, Any] | None:
    """How far the outputs of short sequences move when padding is added; None where the batch is not padded.

    moved: relative to how much the outputs of different examples differ; weights: of every attention, the share that the first word gives
    to what was added; recurrent: whether there are recurrent layers that read forwards only.
    """
    known = padding(subject)
    if known is None:
        return None
    more = max(2, known.steps // 4)
    more += known.steps + more == subject.examples
    before = subject.output(subject.inputs)
    notes = Notes(subject.examples, known.steps + more, more)
    after = subject.output(longer(subject, known, more), notes)
    both = []
    for output in (before, after):
        at = axis_of(output, subject.examples)
        if at is None:
            raise NotTried("its output does not show which example is which")
        both.append(output.movedim(at, 0))
    old, new = both
    if old.dim() > 2 and old.shape[1] in (known.steps, int(known.lengths.max())) and old.shape[1] <= new.shape[1]:
        there = torch.arange(old.shape[1]) < known.lengths[:, None].cpu()  # what is said of padding itself does not matter
        old, new = (part[:, :old.shape[1]].masked_fill(~there[:, :, None], 0.0) for part in (old, new))
    if old.shape != new.shape:
        raise NotTried("its output changes its shape with the padding")
    old, new = old.flatten(1), new.flatten(1)
    short = known.lengths.cpu() <= known.steps - 2
    spread = (old - old.mean(0)).abs().amax().clamp_min(1e-30)
    layers = [module for module in subject.model.modules() if isinstance(module, nn.RNNBase)]
    return {
        "declared": known.declared, "share": float(1 - known.lengths.float().mean() / known.steps), "steps": known.steps, "more": more,
        "moved": float((new - old)[short].abs().amax() / spread) if bool(short.any()) else 0.0, "weights": notes.weights[:32],
        "recurrent": bool(layers) and not any(layer.bidirectional for layer in layers),
    }
