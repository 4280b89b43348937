"""The gradient of a shared weight, taken apart: by lag and by step."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwell.nets.recurrent.sequences import Sequences
from gradwell.nets.recurrent.sweeps import Backward, Deltas
from gradwell.nets.recurrent.walk import Plan
from gradwell.nets.recurrent.weights import Weights

Carried = tuple[Tensor, Tensor | None]  # what goes on to dL/dh and dL/dc of each step (time, batch, hidden)


def by_lag(
    plan: Plan, sequences: Sequences, backs: list[Backward], dy: Tensor, ends: list[Carried | None], lags: int
) -> list[list[Weights]]:
    """For each layer and direction, each weight's gradient at lag 0, 1, 2 ...

    All steps go back by one step together: what has lag k at step t is what has lag k - 1 at step t + 1, once through the weights. So
    one lag takes one product over all steps, in each layer, from the top one to the lowest. dy: dL/dy (time, batch, outputs); ends: what
    comes to each layer and direction from the last state.
    """
    flat = [back.flat() for back in backs]
    found: list[list[Weights]] = [[] for _ in flat]
    carried = list(ends)
    shorter = plan.layers == 1 or plan.directions == 1  # then lag k can be found at the first T - k steps only
    for lag in range(lags):
        above = dy if lag == 0 else None
        for k in range(plan.layers - 1, -1, -1):
            below = None
            for n in range(plan.directions):
                place = k * plan.directions + n
                turned = n == 1
                part = None if above is None else above.chunk(plan.directions, -1)[n]
                dh, dc = arriving(sequences.turned(part) if turned and part is not None else part, carried[place], plan.has_cell)
                deltas, past = once(flat[place], dh, dc)
                at = slice(0, len(deltas.x))
                found[place].append(flat[place].gradients(deltas, dh.flatten(0, 1), at))
                carried[place] = moved(past, shorter)
                if k:
                    dx = flat[place].to_input(deltas, at).view(*dh.shape[:2], -1)
                    dx = sequences.turned(dx) if turned else dx
                    below = dx if below is None else below + dx
            above = below
    return found


def arriving(part: Tensor | None, carried: Carried | None, has_cell: bool) -> tuple[Tensor, Tensor | None]:
    """What comes to h_t from above and from the step after, and to c_t from the step after; both may be written over."""
    if carried is None:
        assert part is not None
        return part.contiguous(), torch.zeros_like(part, memory_format=torch.contiguous_format) if has_cell else None
    dh, dc = carried
    return dh if part is None else dh + part, dc.clone() if dc is not None else None


def once(flat: Backward, dh: Tensor, dc: Tensor | None) -> tuple[Deltas, Carried]:
    """All steps go back by one: their deltas (rows, G * hidden), and what reaches the step before each."""
    rows = dh.shape[0] * dh.shape[1]
    at, deltas = slice(0, rows), flat.room(rows)
    past, cell = flat.step(at, dh.flatten(0, 1), None if dc is None else dc.flatten(0, 1), deltas)
    before = flat.through(at, deltas, past)
    return deltas, (before.view_as(dh), None if cell is None else cell.view_as(dh))


def moved(past: Carried, shorter: bool) -> Carried:
    """What reached the step before step t, at step t - 1; what went to h_0 is left out."""

    def move(d: Tensor) -> Tensor:
        return d[1:] if shorter else torch.cat([d[1:], torch.zeros_like(d[:1])])

    dh, dc = past
    return move(dh), None if dc is None else move(dc)


def by_step(back: Backward, deltas: Deltas, sequences: Sequences, turned: bool) -> dict[str, Tensor]:
    """For each matrix, the size of what each step adds to its gradient, (time,) in the order of the input.

    Step t adds D^T X, with D (batch, G * hidden) and X (batch, columns). ||D^T X||^2 = sum((D D^T) * (X X^T)): the sums over pairs of
    sequences are small, and no matrix of the weight's size is ever made.
    """
    flat, rows = back.flat(), deltas.flat()
    pairs = {"weight_ih": (flat.before_input_norm(rows, slice(None)), flat.x), "weight_hh": (rows.raw, flat.previous)}
    norms = {}
    for name, both in pairs.items():
        d, x = (part.view(*deltas.x.shape[:2], -1) for part in both)
        if turned:
            d, x = sequences.turned(d), sequences.turned(x)
        squares = (d @ d.transpose(1, 2)) * (x @ x.transpose(1, 2))
        norms[name] = squares.sum((1, 2)).clamp_min(0).sqrt()
    return norms
