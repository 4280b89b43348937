"""What went on inside a recurrent layer, found from its own outputs at little more than the cost of reading the sequence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gradwell.errors import DataError
from gradwell.nets.recurrent import posthoc
from gradwell.nets.recurrent.function import final
from gradwell.nets.recurrent.gates import Gates, GRUGates, LSTMGates, RNNGates
from gradwell.nets.recurrent.sequences import Inputs, Lengths, Sequences
from gradwell.nets.recurrent.states import State, joined, parted
from gradwell.nets.recurrent.sweeps import Kept, Mode, Sweep
from gradwell.nets.recurrent.walk import Plan
from gradwell.nets.recurrent.weights import Weights


@dataclass(frozen=True)
class Trace:
    """A layer's output and state, and everything between: the gates, candidates, cells and states of every step.

    output, state: as the layer gives them. layers: one entry a layer, with one or two directions each, from the first layer to the last.
    lengths: (batch,), None where nothing is padded.
    """

    output: Inputs
    state: State
    layers: tuple[tuple[Gates, ...], ...]
    lengths: Tensor | None

    def __getitem__(self, place: int | tuple[int, int]) -> Gates:
        """The gates of a layer (of its first direction), or of a layer and a direction: trace[0], trace[1, 1]."""
        layer, direction = place if isinstance(place, tuple) else (place, 0)
        return self.layers[layer][direction]


@dataclass(frozen=True)
class Reading:
    """All sweeps of one reading, in order: for every layer, its directions."""

    plan: Plan
    sequences: Sequences
    output: Tensor  # (time, batch, directions * hidden)
    last: list[tuple[Tensor, Tensor | None]]
    sweeps: list[tuple[Sweep, Kept]]


@torch.no_grad()
def trace(layer: Any, inputs: Inputs, state: Any = None, lengths: Lengths = None) -> Trace:
    """See every gate, candidate, cell and state of an nn.RNN, nn.GRU or nn.LSTM, or of one of our own layers.

    inputs: as the layer takes them: (time, batch, inputs), or batch first if the layer is, or (time, inputs), or a PackedSequence.
    lengths: (batch,), where padded inputs are no PackedSequence; then output and state are as those of one.

    The gates come as (time, batch, hidden) however the inputs were laid out, in the order of the input for the backward direction
    too, and with zeros for padding. The layer is read as in evaluation: without dropout, even while it trains. Nothing of it changes:
    its hooks do not run, no random number is drawn, and no result has a graph. proj_size is refused.
    """
    r = reading(layer, inputs, state, lengths)
    directions = r.plan.directions
    found = [named(r.plan.mode, r.sequences, kept, d % directions == 1) for d, (_, kept) in enumerate(r.sweeps)]
    layers = tuple(tuple(found[k : k + directions]) for k in range(0, len(found), directions))
    end = joined(r.last, r.plan.has_cell, r.sequences.single)
    return Trace(r.sequences.as_given(r.output), end, layers, r.sequences.lengths)


@torch.no_grad()
def reading(layer: Any, inputs: Inputs, state: Any, lengths: Lengths) -> Reading:
    """Read the inputs as in evaluation and keep all that was seen."""
    with untouched(layer):
        return read_as_it_is(layer, inputs, state, lengths)


@contextmanager
def untouched(layer: Any) -> Iterator[None]:
    """Work a parametrised layer's weights out once, and leave its buffers as they are: spectral_norm's change whenever it is asked."""
    if not isinstance(layer, nn.Module) or not parametrize.is_parametrized(layer):
        yield
        return
    before = [(buffer, buffer.clone()) for buffer in layer.buffers()]
    try:
        with parametrize.cached():
            yield
    finally:
        for buffer, old in before:
            buffer.copy_(old)


def read_as_it_is(layer: Any, inputs: Inputs, state: Any, lengths: Lengths) -> Reading:
    """Read the inputs with the weights that the layer has now."""
    plan = Plan.of(layer, training=False)
    weight = Weights.of(layer, 0).weight_ih
    data = inputs if isinstance(inputs, Tensor) else inputs.data
    if data.dtype != weight.dtype:
        raise DataError(f"inputs are {data.dtype} and the weights are {weight.dtype}; convert one of them with .to(...)")
    sequences = Sequences.of(inputs, plan.batch_first, lengths, plan.inputs)
    states = parted(state, plan.layers * plan.directions, sequences.x, plan.hidden, plan.has_cell, sequences.single)
    sweeps: list[tuple[Sweep, Kept]] = []

    def read(s: Sweep) -> tuple[Tensor, Tensor, Tensor | None]:
        kept = posthoc.keep(s)
        sweeps.append((s, kept))
        return kept.y, final(kept.y, sequences.last), None if kept.cells is None else final(kept.cells[1:], sequences.last)

    with torch.autocast(data.device.type, enabled=False):
        output, last, _ = plan.walk(sequences, states, read)
    return Reading(plan, sequences, output, last, sweeps)


def named(mode: Mode, sequences: Sequences, kept: Kept, backward: bool) -> Gates:
    """The parts of a sweep under their names, in the order of the input."""

    def there(part: Tensor) -> Tensor:
        return sequences.zeroed(sequences.turned(part) if backward else part)

    h = there(kept.y)
    if mode == "LSTM":
        assert kept.cells is not None
        i, f, g, o = there(kept.gates).chunk(4, -1)
        return LSTMGates(h, sequences.mask, backward, i, f, g, o, there(kept.cells[1:]))
    if mode == "GRU":
        return GRUGates(h, sequences.mask, backward, *there(kept.gates).chunk(3, -1))
    return RNNGates(h, sequences.mask, backward)
