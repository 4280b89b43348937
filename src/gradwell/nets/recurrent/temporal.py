"""Where the gradient goes in time: what reaches each step, and how much of a weight's gradient comes from how far away."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from gradwell.errors import DataError, OptionError
from gradwell.nets.recurrent import sweeps
from gradwell.nets.recurrent.apart import Carried, arriving, by_lag, by_step
from gradwell.nets.recurrent.function import spread
from gradwell.nets.recurrent.gradients import LayerGradients, TemporalGradients
from gradwell.nets.recurrent.sequences import Inputs, Lengths, Sequences
from gradwell.nets.recurrent.states import parted
from gradwell.nets.recurrent.sweeps import Deltas, Swept
from gradwell.nets.recurrent.trace import Reading, reading
from gradwell.nets.recurrent.weights import Weights


@torch.no_grad()
def temporal_gradients(
    layer: Any, inputs: Inputs, loss_gradient: Inputs, state: Any = None, lengths: Lengths = None, lags: int | None = None,
    state_gradient: Any = None,
) -> TemporalGradients:
    """Take the gradient of each shared weight apart by lag: by how many steps it has travelled back from its loss.

        dL/dW = sum over t and s <= t of what goes from the output at step t back to W as it acts at step s        lag: t - s

    The lags add up to the gradient that autograd finds. A gradient keeps its lag on its way down from layer to layer; in a stack of
    bidirectional layers it counts the steps that it travels in either direction.

    loss_gradient: dL/dy, laid out as the layer's output is. state_gradient: where the loss reads the last state itself, dL/dh_n, for an
    LSTM the pair dL/dh_n, dL/dc_n; it counts as coming from each sequence's last step. The other arguments are those of `trace`, and
    as there the layer is read as in evaluation and nothing of it changes. lags: how many are wanted, 0 among them; without it, all.
    The first one takes about a backward pass of time, each further one a little less, and each a copy of the weights of memory.
    """
    if lags is not None and (not isinstance(lags, int) or lags < 1):
        raise OptionError(f"lags is {lags!r}; it must be a whole number, 1 or more")
    r = reading(layer, inputs, state, lengths)
    plan, dy = r.plan, outside(loss_gradient, r.sequences, r.output)
    kept = [k if k.cells is None or k.tanh is not None else k._replace(tanh=k.cells[1:].tanh()) for _, k in r.sweeps]
    backs = [sweeps.backward(s, k) for (s, _), k in zip(r.sweeps, kept, strict=True)]
    ends = at_the_end(r, state_gradient)
    swept, dx = down(r, backs, dy, ends)
    most = (len(dy) - 1) * (plan.layers if plan.directions == 2 else 1) + 1
    lagged = by_lag(plan, r.sequences, backs, dy, ends, min(most, lags or most))
    found = []
    for place, (back, s, parts) in enumerate(zip(backs, swept, lagged, strict=True)):
        turned = place % plan.directions == 1
        h, c = (d if d is None or not turned else r.sequences.turned(d) for d in (s.h, s.c))
        assert h is not None
        whole = {name: part for name, part in all_of(back, s)._asdict().items() if part is not None}
        split = {name: torch.stack([getattr(part, name) for part in parts]) for name in whole}
        found.append(LayerGradients(h, c, whole, split, by_step(back, s.deltas, r.sequences, turned), back.w.weight_hh.detach().clone()))
    layers = tuple(tuple(found[k : k + plan.directions]) for k in range(0, len(found), plan.directions))
    return TemporalGradients(layers, r.sequences.as_given(dx))


def all_of(back: sweeps.Backward, swept: Swept) -> Weights:
    """Each weight's gradient from all lags."""
    return back.flat().gradients(Deltas(*(d.flatten(0, 1) for d in swept.deltas)), None if swept.h is None else swept.h.flatten(0, 1))


def at_the_end(r: Reading, state_gradient: Any) -> list[Carried | None]:
    """For each layer and direction, what comes to h_t and c_t from the last state, (time, batch, hidden); None where nothing does."""
    count, last = len(r.sweeps), r.sequences.last
    if state_gradient is None:
        return [None] * count
    pairs = parted(state_gradient, count, r.sequences.x, r.plan.hidden, r.plan.has_cell, r.sequences.single, "state_gradient")
    found: list[Carried | None] = []
    for (dh, dc), (_, kept) in zip(pairs, r.sweeps, strict=True):
        found.append((spread(dh.to(kept.y), kept.y, last), None if dc is None else spread(dc.to(kept.y), kept.y, last)))
    return found


def down(r: Reading, backs: list[sweeps.Backward], dy: Tensor, ends: list[Carried | None]) -> tuple[list[Swept], Tensor]:
    """What the backward pass finds in each layer and direction, and dL/dx (time, batch, inputs)."""
    plan, turned = r.plan, r.sequences.turned
    swept: list[Swept] = []
    for k in range(plan.layers - 1, -1, -1):
        parts, dx = dy.chunk(plan.directions, -1), []
        row = []
        for n, part in enumerate(parts):
            back = backs[k * plan.directions + n]
            dh, dc = arriving(turned(part) if n else part, ends[k * plan.directions + n], plan.has_cell)
            row.append(back.sweep(dh, dc, record=True))
            d = back.flat().to_input(row[-1].deltas.flat()).view(*dy.shape[:2], -1)
            dx.append(turned(d) if n else d)
        swept, dy = row + swept, dx[0] if len(dx) == 1 else dx[0] + dx[1]
    return swept, dy


def outside(loss_gradient: Inputs, sequences: Sequences, output: Tensor) -> Tensor:
    """The gradient dL/dy as (time, batch, outputs), zeros at padding."""
    given = sequences.as_given(output)
    if isinstance(given, PackedSequence) != isinstance(loss_gradient, PackedSequence):
        raise DataError(f"loss_gradient is a {type(loss_gradient).__name__}; it must be a {type(given).__name__}, as the output is")
    mine: Tensor = loss_gradient if isinstance(loss_gradient, Tensor) else loss_gradient.data
    theirs: Tensor = given if isinstance(given, Tensor) else given.data
    if mine.shape != theirs.shape:
        raise DataError(f"loss_gradient has shape {tuple(mine.shape)}; it must have that of the output, {tuple(theirs.shape)}")
    mine = mine.detach().to(output)
    if sequences.packed is not None:
        return sequences.unpack(mine)
    if sequences.single:
        return mine.unsqueeze(1)
    return sequences.zeroed(mine.transpose(0, 1) if sequences.batch_first else mine)
