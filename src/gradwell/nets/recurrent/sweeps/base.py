"""The backward sweep that all cells share: from the last step to the first, then each weight's gradient in one product."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import NamedTuple, Self

import torch
from torch import Tensor

from gradwell.nets.recurrent import norm
from gradwell.nets.recurrent.noise import Noise
from gradwell.nets.recurrent.products import Product
from gradwell.nets.recurrent.sweeps.kept import Deltas, Kept
from gradwell.nets.recurrent.weights import Weights

At = int | slice
ALL = slice(None)


class Swept(NamedTuple):
    """What a backward sweep finds; h and c: dL/dh_t and dL/dc_t of every step (time, batch, hidden)."""

    deltas: Deltas  # (time, batch, G * hidden)
    h: Tensor | None
    c: Tensor | None
    h0: Tensor  # dL/dh_0 (batch, hidden)
    c0: Tensor | None


class Backward(ABC):
    """The derivative of one step, or, after `flat`, of many steps at once: `at` is then a slice of rows, time by batch.

    x: (time, batch, inputs), h: h_0 (batch, hidden), and what the forward sweep kept. `local` holds the derivatives of each step that
    need no gradient; they are worked out for all steps in a few large operations.
    """

    has_cell = False
    local: tuple[Tensor, ...]
    _previous: Tensor | None = None

    def __init__(self, x: Tensor, h: Tensor, w: Weights, noise: Noise, kept: Kept) -> None:
        self.w, self.noise, self.kept = w, noise, kept
        self.sizes = [len(w.weight_hh)]  # the blocks of gates that are normalised together
        self.x = x.reshape(-1, x.shape[-1])  # (rows, inputs)
        self._h = h
        self._product = Product(w.weight_hh.t(), x.shape[1])
        self.derive()

    @abstractmethod
    def derive(self) -> None:
        """Set `local`."""

    @abstractmethod
    def step(self, at: At, dh: Tensor, dc: Tensor | None, out: Deltas) -> tuple[Tensor | None, Tensor | None]:
        """From dL/dh_t and dL/dc_t, write the deltas; return what reaches h_(t-1) past the weights, and dL/dc_(t-1).

        dL/dc_t is completed in place with what comes from h_t.
        """

    @property
    def previous(self) -> Tensor:
        """What W_hh was multiplied with: h_(t-1) of every step (rows, hidden)."""
        if self._previous is None:
            y = self.kept.y.view(-1, self.w.hidden)
            h = torch.cat([self._h, y[: len(y) - len(self._h)]])
            self._previous = h if self.noise.drop is None else h * self.noise.drop.reshape(h.shape)
        return self._previous

    def flat(self) -> Self:
        """The same with time and batch as one axis of rows."""
        rows = copy.copy(self)
        rows.kept = Kept(*(None if k is None else k.flatten(-3, -2) for k in self.kept))  # type: ignore[arg-type]
        rows.noise = Noise(*(None if n is None else n.flatten(0, 1) for n in self.noise))
        rows.local = tuple(part.flatten(0, 1) for part in self.local)
        rows._previous = self.previous
        return rows

    def room(self, *shape: int) -> Deltas:
        """Deltas to be written, (*shape, G * hidden); those that are always alike share their memory."""
        x = self.kept.gates.new_empty(*shape, len(self.w.weight_hh))
        return Deltas(x, x, torch.empty_like(x) if self.w.normalizes else x)

    def through(self, at: At, deltas: Deltas, plus: Tensor | None = None) -> Tensor:
        """dL/dh_(t-1) by way of W_hh, added to `plus`; completes the deltas."""
        if self.w.normalizes:
            deltas.raw.copy_(self.before_norm(at, deltas.h))
        if self.noise.drop is None:
            return self._product(deltas.raw, plus)
        dropped = self._product(deltas.raw) * self.noise.drop[at]
        return dropped if plus is None else dropped + plus

    def before_norm(self, at: At, d: Tensor) -> Tensor:
        """From the deltas of the hidden term to those of W_hh h."""
        assert self.kept.from_h is not None
        assert self.kept.stats_h is not None
        assert self.w.gain_hh is not None
        return norm.back(d, self.kept.from_h[at], self.kept.stats_h[:, at], self.w.gain_hh, self.sizes)

    def sweep(self, dy: Tensor, dc: Tensor | None, record: bool = False) -> Swept:
        """From the gradient that comes to each step from outside, dy (time, batch, hidden) and for cells dc, to all deltas.

        dc is written over. record: keep dL/dh_t of every step.
        """
        steps, batch, _ = dy.shape
        deltas = self.room(steps, batch)
        rows = [Deltas(*row) for row in zip(*(d.unbind(0) for d in deltas), strict=True)]
        cells: list[Tensor | None] = [None] * steps
        if self.has_cell:
            dc = torch.zeros_like(self.kept.y) if dc is None else dc
            cells = [*dc.unbind(0)]
        hs = [dy[-1]]
        for t in range(steps - 1, -1, -1):
            past, carried = self.step(t, hs[-1], cells[t], rows[t])
            outside = dy[t - 1] if t else None
            plus = outside if past is None else past if outside is None else past + outside
            dh = self.through(t, rows[t], plus)
            hs = [*hs, dh] if record else [dh]
            if t and carried is not None and (before := cells[t - 1]) is not None:
                before.add_(carried)
        h = torch.stack(hs[-2::-1]) if record else None
        return Swept(deltas, h, dc if self.has_cell else None, hs[-1], carried)

    def gradients(self, deltas: Deltas, dh: Tensor | None, at: slice = ALL) -> Weights:  # noqa: ARG002 - the LSTM's uses it
        """Each weight's gradient from the deltas of some rows, one product a matrix.

        dh: dL/dh_t of the same rows (rows, hidden), needed where the cell is normalised.
        """
        w = self.w
        grads = Weights(self.before_input_norm(deltas, at).t() @ self.x[at], deltas.raw.t() @ self.previous[at])
        if w.bias_ih is not None:
            grads = grads._replace(bias_ih=deltas.x.sum(0), bias_hh=deltas.h.sum(0))
        if w.gain_hh is not None:
            grads = grads._replace(gain_hh=self.gain(deltas.h, self.kept.from_h, self.kept.stats_h, at))
        if w.gain_ih is not None:
            grads = grads._replace(gain_ih=self.gain(deltas.x, self.kept.from_x, self.kept.stats_x, at))
        return grads

    def gain(self, d: Tensor, u: Tensor | None, stats: Tensor | None, at: slice) -> Tensor:
        """The gradient of a normalisation's gain."""
        assert u is not None
        assert stats is not None
        return norm.gain_gradient(d, u[at], stats[:, at], self.sizes)

    def before_input_norm(self, deltas: Deltas, at: slice) -> Tensor:
        """From the deltas of the input's term to those of W_ih x."""
        if self.w.gain_ih is None:
            return deltas.x
        assert self.kept.from_x is not None
        assert self.kept.stats_x is not None
        return norm.back(deltas.x, self.kept.from_x[at], self.kept.stats_x[:, at], self.w.gain_ih, self.sizes)

    def to_input(self, deltas: Deltas, at: slice = ALL) -> Tensor:
        """dL/dx (rows, inputs) from the deltas of some rows."""
        return self.before_input_norm(deltas, at) @ self.w.weight_ih


def sigmoid_slope(d: Tensor, s: Tensor, out: Tensor) -> Tensor:
    """Return d * s * (1 - s), where s is a sigmoid's output."""
    result: Tensor = torch.ops.aten.sigmoid_backward.grad_input(d, s, grad_input=out)
    return result


def tanh_slope(d: Tensor, s: Tensor, out: Tensor) -> Tensor:
    """Return d * (1 - s^2), where s is a tanh's output."""
    result: Tensor = torch.ops.aten.tanh_backward.grad_input(d, s, grad_input=out)
    return result
