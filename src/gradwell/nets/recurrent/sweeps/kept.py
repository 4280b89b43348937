"""What a forward sweep over time keeps, and what a backward sweep finds."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Kept(NamedTuple):
    """Every step of one layer in one direction, in the order in which it read its input; (time, batch, ...)."""

    y: Tensor  # h_t, (time, batch, hidden)
    gates: Tensor  # after their activations, (time, batch, G * hidden) in torch's order
    cells: Tensor | None = None  # LSTM: c_0 ... c_T, (time + 1, batch, hidden)
    tanh: Tensor | None = None  # LSTM: tanh of the cell (of the normalised cell)
    fresh: Tensor | None = None  # LSTM with zoneout: the cell before it
    inner: Tensor | None = None  # GRU: W_hn h + b_hn
    from_x: Tensor | None = None  # normalising: W_ih x
    from_h: Tensor | None = None  # normalising: W_hh h (RNN: W_ih x + W_hh h)
    stats_x: Tensor | None = None  # normalising: mean and 1 / deviation, (2, time, batch, blocks)
    stats_h: Tensor | None = None
    stats_c: Tensor | None = None


class Deltas(NamedTuple):
    """Gradients of a loss with respect to the terms of each gate's sum, for some rows (time and batch, or a part of them).

    Without layer normalisation all three are one, but for a GRU's candidate, whose hidden term is multiplied by r.
    """

    x: Tensor  # with respect to the input's term, (rows, G * hidden)
    h: Tensor  # with respect to the hidden term
    raw: Tensor  # with respect to W_hh h, before its normalisation

    def flat(self) -> Deltas:
        """Time and batch as one axis of rows."""
        return Deltas(*(d.flatten(0, 1) for d in self))
