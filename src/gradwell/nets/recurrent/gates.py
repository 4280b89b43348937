"""What one layer in one direction did at every step, under the names that the equations give it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LOW, HIGH = 0.1, 0.9
SHUT, OPEN = 0.05, 0.95  # a gate beyond these, whatever the input, is pinned


@dataclass(frozen=True)
class Shares:
    """How much of a gate is nearly shut and nearly open; between the two it lets gradients through."""

    low: float
    high: float


@dataclass(frozen=True)
class Gates:
    """The states h of every step, (time, batch, hidden) in the order of the input; zeros where there is padding.

    mask: which steps are no padding, (time, batch); None where nothing is padded.
    """

    h: Tensor
    mask: Tensor | None
    backward: bool  # whether the layer read from the last step to the first

    @property
    def names(self) -> tuple[str, ...]:
        """The gates, whose values lie between 0 and 1."""
        return ()

    @property
    def saturated(self) -> dict[str, Shares]:
        """For each gate, the shares of its values below 0.1 and above 0.9, padding left out."""
        return {name: shares(there(getattr(self, name), self.mask)) for name in self.names}

    @property
    def pinned(self) -> dict[str, Shares]:
        """For each gate, the shares of its units that are below 0.05, and above 0.95, at every step of every sequence."""
        found = {}
        for name in self.names:
            values = there(getattr(self, name), self.mask)
            shut, open_ = values.amax(0) < SHUT, values.amin(0) > OPEN
            found[name] = Shares(float(shut.float().mean()), float(open_.float().mean()))
        return found


@dataclass(frozen=True)
class RNNGates(Gates):
    """A plain recurrent network has no gates, only h.

    h_t = tanh(W_ih x + b_ih + W_hh h_(t-1) + b_hh)        or relu
    """


@dataclass(frozen=True)
class GRUGates(Gates):
    """A GRU's gates and its candidate, each (time, batch, hidden).

    r, z = sigmoid(W_ih x + b_ih + W_hh h_(t-1) + b_hh)
    n = tanh(W_in x + b_in + r * (W_hn h_(t-1) + b_hn))
    h_t = (1 - z) * n + z * h_(t-1)
    """

    r: Tensor
    z: Tensor
    n: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        """The gates, whose values lie between 0 and 1."""
        return "r", "z"

    def memory_horizon(self) -> Tensor:
        """For how many steps each unit remembers: until the product of its update gates z falls below 1/e (hidden,).

        z is the share of the old state that is kept; the rest is as for an LSTM.
        """
        return horizon(there(self.z, self.mask))


@dataclass(frozen=True)
class LSTMGates(Gates):
    """An LSTM's gates, its candidate and its cell, each (time, batch, hidden).

    i, f, o = sigmoid(W_ih x + b_ih + W_hh h_(t-1) + b_hh)        g = tanh(...), each with its own rows
    c_t = f * c_(t-1) + i * g
    h_t = o * tanh(c_t)
    """

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        """The gates, whose values lie between 0 and 1."""
        return "i", "f", "o"

    def memory_horizon(self) -> Tensor:
        """For how many steps each unit remembers: until the product of its forget gates falls below 1/e (hidden,).

        The product falls by mean(-log f) a step, so this is 1 / mean(-log f), with the mean over all steps that are no padding. A unit
        whose forget gate stays at 0.9 remembers for 9.5 steps; one that forgets nothing has an infinite horizon.
        """
        return horizon(there(self.f, self.mask))


def there(gate: Tensor, mask: Tensor | None) -> Tensor:
    """A gate's values (steps, hidden) at all steps that are no padding."""
    return gate.flatten(0, 1) if mask is None else gate[mask]


def shares(values: Tensor) -> Shares:
    """The shares of a gate's values at either end."""
    return Shares(float((values < LOW).float().mean()), float((values > HIGH).float().mean()))


def horizon(values: Tensor) -> Tensor:
    """1 / mean(-log gate) of each unit (hidden,)."""
    return 1 / values.clamp_min(torch.finfo(values.dtype).tiny).log().mean(0).abs()
