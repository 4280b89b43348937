"""What happens through time in a recurrent layer on a sampled step: gates, memory, and the gradient by step and by lag.

The layer's own backward pass is one operation, so it is looked at afterwards: from what went in and the gradient that came back,
`gradwell.nets.recurrent` finds the rest, for a few of the batch's examples.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch.reading import where_read, where_read_packed
from gradwell.watch.registry import Registry

if TYPE_CHECKING:
    from gradwell.nets.recurrent import Gates

FUNCTIONS = ("lstm", "gru", "rnn_tanh", "rnn_relu")  # of torch._VF: what nn.LSTM, nn.GRU and nn.RNN call
CALLS = 4  # of recurrent layers in one step that are remembered
EXAMPLES = 8  # of a batch that are looked at
LAGS = 5  # 0 to 4
POINTS = 64  # of the gradient by step that are kept
UNITS = 32  # whose gates are kept
Put = Callable[[str, int, int, Tensor], None]  # signal, site, step, a 0-d tensor


@dataclass
class Call:
    """One reading of sequences: what went in, and the gradients that came back to the outputs and the last states."""

    inputs: Tensor
    sizes: Tensor | None  # of a packed sequence
    state: tuple[Tensor, ...]
    weight: Any  # the first of the layer's
    shape: torch.Size  # of the outputs
    gradients: dict[int, Tensor] = field(default_factory=dict)  # of the outputs, h_n and c_n


class Recurrence:
    """Remembers the calls of recurrent layers since the last update of the weights, and measures those that a loss depends on."""

    def __init__(self, registry: Registry) -> None:
        self.calls: deque[Call] = deque(maxlen=CALLS)
        self.listening = False
        self._registry = registry
        self._sites: dict[tuple[int, int], int] = {}
        self._looks: dict[int, int] = {}  # at each place
        self._seconds = 0.0

    def note(self, result: Any, args: tuple[Any, ...]) -> None:
        """A recurrent layer was called; args are torch's own: (x, state, weights, ...), or (x, sizes, state, weights, ...) if packed."""
        packed = isinstance(args[3], (list, tuple))
        sizes, state, weights = args[1:4] if packed else (None, *args[1:3])
        steps = len(sizes) if packed else args[0].shape[1 if args[8] else 0]
        if not weights or steps < 2 or not result[0].requires_grad:
            return
        states = tuple(part.detach() for part in (state if isinstance(state, (list, tuple)) else (state,)))
        call = Call(args[0].detach(), sizes, states, weights[0], result[0].shape)
        self.calls.append(call)
        for i, part in enumerate(result):
            if part.requires_grad:
                part.register_hook(partial(self._on_gradient, call, i))

    def _on_gradient(self, call: Call, i: int, gradient: Tensor) -> None:
        if self.listening:
            begun = time.perf_counter()
            call.gradients[i] = gradient.detach()
            self._seconds += time.perf_counter() - begun

    def seconds(self) -> float:
        """The time spent in hooks since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def measure(self, record: Record, put: Put, step: int) -> None:
        """Take the calls apart whose gradient is known; forget them all."""
        calls, self.listening = [call for call in self.calls if call.gradients], False
        self.calls.clear()
        for call in calls:
            owned = self._registry.owner(call.weight)
            if owned is not None and isinstance(owned[0], nn.RNNBase) and not owned[0].proj_size:
                self._measure(owned[0], call, record, put, step)

    def _measure(self, layer: nn.RNNBase, call: Call, record: Record, put: Put, step: int) -> None:
        from gradwell.nets.recurrent import GRUGates, LSTMGates, temporal_gradients, trace

        x, dy, lengths, rows = some(call, layer.batch_first)
        kind = call.weight.dtype
        x, dy = x.to(kind), dy.to(kind)
        state, back = (pair([part[:, rows].to(kind) for part in parts]) for parts in (call.state, last(call)))
        seen = trace(layer, x, state, lengths)
        found = temporal_gradients(layer, x, dy, state, lengths, LAGS, back)
        steps = int(lengths.max()) if lengths is not None else x.shape[1 if layer.batch_first else 0]
        for k, directions in enumerate(seen.layers):
            for d, gates in enumerate(directions):
                site = self._site(layer, call, k, d, record)
                gradient = found[k, d]
                look = self._looks[site] = self._looks.get(site, 0) + 1
                put(signals.SEQUENCE_LENGTH.name, site, step, torch.tensor(float(steps)))
                record.fact(signals.GRADIENT_BY_STEP.name, site, step, thinned(gradient.h_norm))
                record.fact(signals.GRADIENT_BY_LAG.name, site, step, gradient.lag_norms["weight_hh"].tolist())
                if look & (look - 1) == 0:  # at a power of two: maps are large
                    record.fact(signals.GATES.name, site, step, pictured(gates, 0 if lengths is None else int(lengths.argmax()), steps))
                if isinstance(gates, (LSTMGates, GRUGates)):
                    put(signals.MEMORY_HORIZON.name, site, step, gates.memory_horizon().median())
                    pinned = {name: [ends.low, ends.high] for name, ends in gates.pinned.items()}
                    record.fact(signals.PINNED_GATES.name, site, step, pinned)
        top = layer.num_layers - 1
        dh = call.gradients.get(1)
        dh = None if dh is None else dh[top * (1 + layer.bidirectional)]
        read = None
        if lengths is not None:
            read = where_read_packed(dy if 0 in call.gradients else None, dh, lengths, layer.batch_first, layer.hidden_size)
        elif call.inputs.dim() == 3:
            read = where_read(call.inputs, call.gradients.get(0), dh, layer.batch_first, layer.hidden_size)
        if read is not None:
            record.fact(signals.READ.name, self._site(layer, call, top, 0, record), step, read)

    def _site(self, layer: nn.RNNBase, call: Call, k: int, d: int, record: Record) -> int:
        key = id(call.weight), 2 * k + d
        if key not in self._sites:
            named = self._registry.name(call.weight)
            kind = named.type + (f" layer {k + 1}" if layer.num_layers > 1 else "") + (" backwards" if d else "")
            self._sites[key] = record.site("recurrence", named.module, kind, named.file, named.line)
        return self._sites[key]


def some(call: Call, batch_first: bool) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """A few of the sequences and of the gradients at their outputs, laid out as the layer takes them; their lengths; and which they are."""
    x, dy = call.inputs, call.gradients.get(0)
    dy = x.new_zeros(call.shape) if dy is None else dy
    lengths = None
    if call.sizes is not None:
        (x, lengths), (dy, _) = (pad_packed_sequence(PackedSequence(part, call.sizes), batch_first) for part in (x, dy))
    axis = 0 if batch_first else 1
    every = max(1, x.shape[axis] // EXAMPLES)
    rows = torch.arange(0, every * min(EXAMPLES, x.shape[axis]), every, device=x.device)
    x, dy = x.index_select(axis, rows), dy.index_select(axis, rows)
    if lengths is not None:
        lengths = lengths[rows.cpu()]
        longest = int(lengths.max())
        x, dy = x.narrow(1 - axis, 0, longest), dy.narrow(1 - axis, 0, longest)
    return x, dy, lengths, rows


def last(call: Call) -> list[Tensor]:
    """The gradients at the last states; zeros where none came."""
    return [call.gradients.get(i, torch.zeros_like(state)) for i, state in enumerate(call.state, 1)]


def pair(parts: list[Tensor]) -> Any:
    """A state in torch's form."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def thinned(sizes: Tensor) -> list[list[float]]:
    """Steps and what was measured at them; of a long sequence, some evenly spaced ones and both ends."""
    at = torch.linspace(0, len(sizes) - 1, min(len(sizes), POINTS), dtype=torch.float64).round().long()
    return [[t, value] for t, value in zip(at.tolist(), sizes[at.to(sizes.device)].tolist(), strict=True)]


def pictured(gates: Gates, row: int, steps: int) -> dict[str, Any]:
    """Everything a layer did for one example: by name, units by time steps, some of them where there are many."""
    at = torch.linspace(0, steps - 1, min(steps, POINTS), dtype=torch.float64).round().long()
    unit = torch.linspace(0, gates.h.shape[-1] - 1, min(gates.h.shape[-1], UNITS), dtype=torch.float64).round().long()
    maps = {}
    for name in ("i", "f", "o", "r", "z", "g", "n", "c", "h"):
        if isinstance(values := getattr(gates, name, None), Tensor):
            few = values.detach().float().cpu()[at][:, row][:, unit]
            maps[name] = [[round(value, 3) for value in line] for line in few.T.tolist()]
    return {"steps": at.tolist(), "units": unit.tolist(), "gates": list(gates.names), "maps": maps}
