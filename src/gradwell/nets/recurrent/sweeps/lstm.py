"""The LSTM over a whole sequence, forwards and backwards; the equations stand in `cells.py`."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwell.nets.recurrent import norm
from gradwell.nets.recurrent.noise import Noise
from gradwell.nets.recurrent.sweeps.base import ALL, At, Backward, sigmoid_slope, tanh_slope
from gradwell.nets.recurrent.sweeps.hidden import FromHidden, Normed, from_inputs
from gradwell.nets.recurrent.sweeps.kept import Deltas, Kept
from gradwell.nets.recurrent.weights import Weights


def forward(x: Tensor, h: Tensor, c: Tensor, w: Weights, noise: Noise) -> Kept:
    """Read x (time, batch, inputs) from the state h, c (batch, hidden)."""
    steps, batch, _ = x.shape
    size = w.hidden
    gates, raw, stats = from_inputs(x, w, [4 * size], w.bias)  # (time, batch, 4 * hidden)
    hidden = FromHidden(w, noise, steps, batch, [4 * size])
    normed = None if w.gain_c is None else Normed(w.gain_c, w.bias_c, [size])
    y, cells, tanh = x.new_empty(steps, batch, size), x.new_empty(steps + 1, batch, size), x.new_empty(steps, batch, size)
    fresh = cells[1:] if noise.keep_c is None else torch.empty_like(y)
    cells[0] = c
    i_f = gates[..., : 2 * size]
    views = (part.unbind(0) for part in (gates, i_f, *gates.chunk(4, -1), cells, fresh, tanh, y))
    for t, (a, both, i, f, g, o, old, c, squashed, new) in enumerate(zip(*views, strict=False)):
        a = hidden(t, h, a)
        torch.sigmoid(a[:, : 2 * size], out=both)
        torch.tanh(a[:, 2 * size : 3 * size], out=g)
        torch.sigmoid(a[:, 3 * size :], out=o)
        torch.mul(f, old, out=c).addcmul_(i, g)
        torch.tanh(c if normed is None else normed(c), out=squashed)
        torch.mul(o, squashed, out=new)
        if noise.keep_c is not None:
            torch.lerp(c, old, noise.keep_c[t], out=cells[t + 1])
        if noise.keep_h is not None:
            new.copy_(torch.lerp(new, h, noise.keep_h[t]))
        h = new
    return Kept(
        y, gates, cells, tanh, None if noise.keep_c is None else fresh, None, raw, hidden.raw, stats, hidden.stats,
        None if normed is None else normed.stats,
    )


class LSTMBackward(Backward):
    """The LSTM's derivative, from the last line of its equations to the first.

    With dh = dL/dh_t, dc = dL/dc_t, and d_i ... d_o the gradients of the gates' sums:

        dc += dh * o * (1 - tanh(c)^2)        dc_(t-1) = dc * f
        d_i = dc * g * i(1 - i)    d_f = dc * c_(t-1) * f(1 - f)    d_g = dc * i * (1 - g^2)    d_o = dh * tanh(c) * o(1 - o)
    """

    has_cell = True

    def derive(self) -> None:
        """Set `local`: the factors of d_i ... d_o, the cell's slope o(1 - tanh(c)^2), the forget gate, the cell."""
        gates, tanh, cells = self.kept.gates, self.kept.tanh, self.kept.cells
        assert tanh is not None
        assert cells is not None
        i, f, g, o = gates.chunk(4, -1)
        factors = torch.empty_like(gates)
        to_i, to_f, to_g, to_o = factors.chunk(4, -1)
        sigmoid_slope(g, i, to_i)
        sigmoid_slope(cells[:-1], f, to_f)
        tanh_slope(i, g, to_g)
        sigmoid_slope(tanh, o, to_o)
        cell = cells[1:] if self.kept.fresh is None else self.kept.fresh
        self.local = (factors, tanh_slope(o, tanh, torch.empty_like(tanh)), f, cell)

    def step(self, at: At, dh: Tensor, dc: Tensor | None, out: Deltas) -> tuple[Tensor | None, Tensor | None]:
        """One step, or many."""
        assert dc is not None
        size, past = self.w.hidden, None
        factors, slope, f = (part[at] for part in self.local[:3])
        if self.noise.keep_h is not None:
            past = dh * self.noise.keep_h[at]
            dh = dh - past
        from_h = self.from_h(at, dh, slope)
        if self.noise.keep_c is None:
            dc = dc.addcmul_(dh, slope) if from_h is None else dc.add_(from_h)
            carried = dc * f
        else:  # h_t has seen the cell before zoneout
            stays = dc * self.noise.keep_c[at]
            dc = dc - stays + (dh * slope if from_h is None else from_h)
            carried = torch.addcmul(stays, dc, f)
        torch.mul(factors[:, : 3 * size].view(-1, 3, size), dc.unsqueeze(1), out=out.x[:, : 3 * size].view(-1, 3, size))
        torch.mul(factors[:, 3 * size :], dh, out=out.x[:, 3 * size :])
        return past, carried

    def from_h(self, at: At, dh: Tensor, slope: Tensor) -> Tensor | None:
        """What comes from h_t to the cell through a normalisation, if there is one."""
        if self.w.gain_c is None:
            return None
        assert self.kept.stats_c is not None
        return norm.back(dh * slope, self.local[3][at], self.kept.stats_c[:, at], self.w.gain_c, [self.w.hidden])

    def gradients(self, deltas: Deltas, dh: Tensor | None, at: slice = ALL) -> Weights:
        """Each weight's gradient, those of the cell's normalisation with them."""
        grads = super().gradients(deltas, dh, at)
        if self.w.gain_c is None:
            return grads
        assert dh is not None
        assert self.kept.stats_c is not None
        if self.noise.keep_h is not None:
            dh = dh - dh * self.noise.keep_h[at]
        d = dh * self.local[1][at]
        gain = norm.gain_gradient(d, self.local[3][at], self.kept.stats_c[:, at], [self.w.hidden])
        return grads._replace(gain_c=gain, bias_c=None if self.w.bias_c is None else d.sum(0))
