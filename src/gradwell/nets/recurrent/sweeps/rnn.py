"""The plain recurrent network over a whole sequence, forwards and backwards; the equation stands in `cells.py`."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwell.nets.recurrent.noise import Noise
from gradwell.nets.recurrent.products import Product
from gradwell.nets.recurrent.sweeps.base import At, Backward, tanh_slope
from gradwell.nets.recurrent.sweeps.hidden import Normed, from_inputs
from gradwell.nets.recurrent.sweeps.kept import Deltas, Kept
from gradwell.nets.recurrent.weights import Weights


def forward(x: Tensor, h: Tensor, w: Weights, noise: Noise, relu: bool = False) -> Kept:
    """Read x (time, batch, inputs) from the state h (batch, hidden)."""
    batch = x.shape[1]
    values, _, _ = from_inputs(x, w, [w.hidden], None if w.normalizes else w.bias)  # (time, batch, hidden)
    normed = None if w.gain_hh is None else Normed(w.gain_hh, w.bias, [w.hidden])
    raw = None if normed is None else values.clone()
    product = Product(w.weight_hh, batch)
    y = torch.empty_like(values)
    activated = y if noise.keep_h is None else values
    views = (part.unbind(0) for part in (values, activated, y))
    for t, (a, active, new) in enumerate(zip(*views, strict=True)):
        total = product(h if noise.drop is None else h * noise.drop[t], a)
        if normed is not None and raw is not None:
            total = normed(raw[t].copy_(total))
        torch.clamp_min(total, 0, out=active) if relu else torch.tanh(total, out=active)
        if noise.keep_h is not None:
            torch.lerp(active, h, noise.keep_h[t], out=new)
        h = new
    return Kept(y, activated, from_h=raw, stats_h=None if normed is None else normed.stats)


class RNNBackward(Backward):
    """The derivative of h_t = tanh(a_t): d_a = dh * (1 - h^2); of relu: dh where h > 0."""

    def derive(self) -> None:
        """Set `local`: the slope of the activation."""
        values = self.kept.gates
        self.local = (tanh_slope(torch.ones_like(values), values, torch.empty_like(values)),)

    def step(self, at: At, dh: Tensor, dc: Tensor | None, out: Deltas) -> tuple[Tensor | None, Tensor | None]:  # noqa: ARG002 - no cell
        """One step, or many."""
        past = None
        if self.noise.keep_h is not None:
            past = dh * self.noise.keep_h[at]
            dh = dh - past
        torch.mul(dh, self.local[0][at], out=out.x)
        return past, None

    def before_input_norm(self, deltas: Deltas, at: slice) -> Tensor:  # noqa: ARG002 - nothing to look up
        """The input's term and the hidden term are normalised as one sum."""
        return deltas.raw


class ReLUBackward(RNNBackward):
    """The same for relu."""

    def derive(self) -> None:
        """Set `local`: the slope of the activation."""
        self.local = ((self.kept.gates > 0).to(self.kept.gates.dtype),)
