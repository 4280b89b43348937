"""What the state brings to the gates at every step of a forward sweep."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gradwell.nets.recurrent import norm
from gradwell.nets.recurrent.noise import Noise
from gradwell.nets.recurrent.products import Product
from gradwell.nets.recurrent.weights import Weights


class Normed:
    """Layer normalisation step by step; keeps what its derivative needs."""

    def __init__(self, gain: Tensor, shift: Tensor | None, sizes: Sequence[int]) -> None:
        self._gain, self._shift, self._sizes = gain, shift, sizes
        self._stats: list[Tensor] = []

    def __call__(self, u: Tensor) -> Tensor:
        """The normalised n (batch, columns) of the next step."""
        n, stats = norm.forward(u, self._gain, self._shift, self._sizes)
        self._stats.append(stats)
        return n

    @property
    def stats(self) -> Tensor:
        """Means and deviations (2, time, batch, blocks) so far."""
        return torch.stack(self._stats, 1)


class FromHidden:
    """W_hh h_(t-1) + b_hh, after dropout of h and normalised where the layer does so.

    sizes: the blocks of gates that are normalised together. bias: added where nothing is normalised.
    """

    def __init__(self, w: Weights, noise: Noise, steps: int, batch: int, sizes: Sequence[int], bias: Tensor | None = None) -> None:
        self._product = Product(w.weight_hh, batch, None if w.normalizes else bias)
        self._drop = noise.drop
        self._norm = None if w.gain_hh is None else Normed(w.gain_hh, w.bias_hh, sizes)
        self.raw = None if self._norm is None else w.weight_hh.new_empty(steps, batch, len(w.weight_hh))

    def __call__(self, t: int, h: Tensor, plus: Tensor | None = None) -> Tensor:
        """The hidden term of step t (batch, G * hidden), added to `plus`."""
        if self._drop is not None:
            h = h * self._drop[t]
        if self._norm is None or self.raw is None:
            return self._product(h, plus)
        n = self._norm(self.raw[t].copy_(self._product(h)))
        return n if plus is None else n.add_(plus)

    @property
    def stats(self) -> Tensor | None:
        """What the normalisation's derivative needs."""
        return None if self._norm is None else self._norm.stats


def from_inputs(x: Tensor, w: Weights, sizes: Sequence[int], bias: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The input's term of all gates of all steps in one product; where it is normalised also W_ih x and the statistics.

    bias: added where nothing is normalised.
    """
    rows = x.reshape(-1, x.shape[-1])
    if w.gain_ih is not None:
        raw = (rows @ w.weight_ih.t()).view(*x.shape[:-1], -1)
        n, stats = norm.forward(raw, w.gain_ih, w.bias_ih, sizes)
        return n, raw, stats
    gates = rows @ w.weight_ih.t() if bias is None else torch.addmm(bias, rows, w.weight_ih.t())
    return gates.view(*x.shape[:-1], -1), None, None
