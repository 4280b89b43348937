"""The way through a recurrent module: layer by layer, direction by direction, each a sweep over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gradwell.errors import OptionError
from gradwell.nets.recurrent.noise import QUIET, Noise, draw, sequence_mask
from gradwell.nets.recurrent.sequences import Sequences
from gradwell.nets.recurrent.states import Pair
from gradwell.nets.recurrent.sweeps import GATES, Mode, Sweep
from gradwell.nets.recurrent.weights import Weights

Read = Callable[[Sweep], tuple[Tensor, Tensor, Tensor | None]]


@dataclass(frozen=True)
class Plan:
    """What a recurrent module consists of: torch's nn.RNN, nn.GRU and nn.LSTM, or one of ours."""

    module: Any
    mode: Mode
    layers: int
    directions: int
    inputs: int
    hidden: int
    batch_first: bool
    training: bool  # whether there is dropout

    @classmethod
    def of(cls, module: Any, training: bool) -> Plan:
        """Read a module's options."""
        mode = getattr(module, "mode", None)
        if mode not in GATES or not hasattr(module, "weight_ih_l0"):
            possible = "nn.RNN, nn.GRU, nn.LSTM and the layers of gradwell.nets.recurrent"
            raise OptionError(f"a {type(module).__name__} was given; possible are {possible}")
        if module.proj_size:
            raise OptionError(f"the {type(module).__name__} has proj_size={module.proj_size}; only proj_size=0 is possible")
        directions = 2 if module.bidirectional else 1
        return cls(module, mode, module.num_layers, directions, module.input_size, module.hidden_size, module.batch_first, training)

    @property
    def has_cell(self) -> bool:
        """Whether the state is a pair of h and c."""
        return self.mode == "LSTM"

    def walk(self, sequences: Sequences, states: list[Pair], read: Read) -> tuple[Tensor, list[Pair], list[Tensor | None]]:
        """Outputs (time, batch, directions * hidden), last states, and what the inputs of each layer were multiplied with.

        Where the module trains with dropout, masks are drawn in the order in which torch's own layers draw them on a CPU.
        """
        x = sequences.x
        last: list[Pair] = []
        masks: list[Tensor | None] = []
        for k in range(self.layers):
            masks.append(self.mask(k, x, sequences))
            x = x if masks[-1] is None else x * masks[-1]
            outputs = []
            for d in range(self.directions):
                xs = sequences.turned(x) if d else x
                y, h, c = read(Sweep(self.mode, xs, *states[len(last)], Weights.of(self.module, k, d == 1), self.noise(xs, sequences.mask)))
                outputs.append(sequences.turned(y) if d else y)
                last.append((h, c))
            x = torch.cat(outputs, -1) if self.directions == 2 else outputs[0]
        return x, last, masks

    def mask(self, k: int, x: Tensor, sequences: Sequences) -> Tensor | None:
        """Dropout of the inputs of layer `k`, as factors."""
        module, mask = self.module, None
        if not self.training:
            return None
        if k and module.dropout:
            if sequences.packed is None:
                mask = F.dropout(torch.ones_like(x), module.dropout)
            else:
                mask = sequences.unpack(F.dropout(x.new_ones(len(sequences.packed.data), x.shape[-1]), module.dropout))
        if p := getattr(module, "input_dropout", 0.0):
            whole = sequence_mask(x, x.shape[-1], p)
            mask = whole if mask is None else mask * whole
        return mask

    def noise(self, x: Tensor, there: Tensor | None) -> Noise:
        """What is random inside one of our own layers; there: which steps are no padding (time, batch)."""
        drop, keep_h, keep_c = (getattr(self.module, name, 0.0) for name in ("recurrent_dropout", "zoneout", "cell_zoneout"))
        found = draw(x, self.hidden, drop, keep_h, keep_c, self.training) if drop or keep_h or keep_c else QUIET
        if self.mode == "RNN_RELU" and there is not None:  # it might grow in the padding until it is infinite, and 0 * inf is no gradient
            real = there[..., None].to(x.dtype).expand(*there.shape, self.hidden)
            found = found._replace(drop=real if found.drop is None else found.drop * real)
        return found
