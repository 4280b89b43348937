"""The GRU over a whole sequence, forwards and backwards; the equations stand in `cells.py`."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwell.nets.recurrent.noise import Noise
from gradwell.nets.recurrent.sweeps.base import At, Backward, sigmoid_slope, tanh_slope
from gradwell.nets.recurrent.sweeps.hidden import FromHidden, from_inputs
from gradwell.nets.recurrent.sweeps.kept import Deltas, Kept
from gradwell.nets.recurrent.weights import Weights


def forward(x: Tensor, h: Tensor, w: Weights, noise: Noise) -> Kept:
    """Read x (time, batch, inputs) from the state h (batch, hidden)."""
    steps, batch, _ = x.shape
    size = w.hidden
    sizes = [2 * size, size]
    gates, raw, stats = from_inputs(x, w, sizes, w.bias_ih)  # (time, batch, 3 * hidden)
    hidden = FromHidden(w, noise, steps, batch, sizes, w.bias_hh)
    y, inner = x.new_empty(steps, batch, size), x.new_empty(steps, batch, size)
    r_z, n = torch.split(gates, sizes, -1)
    views = (part.unbind(0) for part in (r_z, gates[..., :size], gates[..., size : 2 * size], n, inner, y))
    for t, (both, r, z, n, term, new) in enumerate(zip(*views, strict=True)):
        a = hidden(t, h)
        both.add_(a[:, : 2 * size]).sigmoid_()
        term.copy_(a[:, 2 * size :])
        n.addcmul_(r, term).tanh_()
        torch.lerp(n, h, z, out=new)  # (1 - z) n + z h
        if noise.keep_h is not None:
            new.copy_(torch.lerp(new, h, noise.keep_h[t]))
        h = new
    return Kept(y, gates, None, None, None, inner, raw, hidden.raw, stats, hidden.stats)


class GRUBackward(Backward):
    """The GRU's derivative, from the last line of its equations to the first.

    With s = W_hn h + b_hn and dh = dL/dh_t:

        d_n = dh * (1 - z) * (1 - n^2)    d_z = dh * (h_(t-1) - n) * z(1 - z)    d_r = d_n * s * r(1 - r)    d_s = d_n * r
        dh_(t-1) = dh * z + what passes through the weights
    """

    def derive(self) -> None:
        """Set `local`: the factors of d_r, d_z, d_n, and r and z."""
        gates, s = self.kept.gates, self.kept.inner
        assert s is not None
        self.sizes = [2 * self.w.hidden, self.w.hidden]
        r, z, n = gates.chunk(3, -1)
        factors = torch.empty_like(gates)
        to_r, to_z, to_n = factors.chunk(3, -1)
        tanh_slope(1 - z, n, to_n)
        sigmoid_slope(torch.cat([self._h[None], self.kept.y[:-1]]) - n, z, to_z)
        sigmoid_slope(to_n * s, r, to_r)
        self.local = (factors, r, z)

    def step(self, at: At, dh: Tensor, dc: Tensor | None, out: Deltas) -> tuple[Tensor | None, Tensor | None]:  # noqa: ARG002 - no cell
        """One step, or many."""
        size, past = self.w.hidden, None
        factors, r, z = (part[at] for part in self.local)
        if self.noise.keep_h is not None:
            past = dh * self.noise.keep_h[at]
            dh = dh - past
        torch.mul(factors.view(-1, 3, size), dh.unsqueeze(1), out=out.x.view(-1, 3, size))
        out.h[:, : 2 * size] = out.x[:, : 2 * size]
        torch.mul(out.x[:, 2 * size :], r, out=out.h[:, 2 * size :])
        return dh * z if past is None else past.addcmul_(dh, z), None

    def room(self, *shape: int) -> Deltas:
        """Deltas to be written."""
        x, h = (self.kept.gates.new_empty(*shape, len(self.w.weight_hh)) for _ in range(2))
        return Deltas(x, h, torch.empty_like(x) if self.w.normalizes else h)
