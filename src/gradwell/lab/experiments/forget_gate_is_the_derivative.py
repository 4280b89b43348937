"""What the derivative of an LSTM's cell by the cell one step before is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.spread import Spread
from gradwell.nets.recurrent import LSTM
from gradwell.nets.recurrent.cells import lstm_step
from gradwell.nets.recurrent.weights import Weights

PATHS = ("along the cell", "all paths")


@dataclass(frozen=True)
class ForgetGateIsTheDerivative(Experiment):
    """Along an LSTM's cell each step multiplies the gradient by the forget gate, exactly, and by nothing else.

    c_t = f_t * c_(t-1) + i_t * g_t, so dc_t/dc_(t-1) = diag(f_t) where the gates are held. The gates read h_(t-1) = o * tanh(c_(t-1)),
    too: a second path, whose share is measured beside it. Both Jacobians are autograd's, at each step of a sequence; their distance
    from diag(f_t) is ||J - diag(f_t)|| / ||diag(f_t)||. The control squashes the sum, c_t = tanh(f_t * c_(t-1) + i_t * g_t), as a
    plain network does with its state.
    """

    id = "forget-gate-is-the-derivative"
    zh = "沿着 LSTM 的细胞状态，梯度在每一步都恰好乘以遗忘门，此外没有别的因子。"
    question = 7
    source = "Hochreiter and Schmidhuber 1997 (Long short-term memory); Gers, Schmidhuber and Cummins 2000 (Learning to forget)"
    textbook = "dc_t/dc_(t-1) = f_t; that leaves out the path through h_(t-1) and the gates, which adds a part of its own"
    textbook_zh = "dc_t/dc_(t-1) = f_t；这略去了经过 h_(t-1) 和各个门的路径，而这条路径也贡献一部分"
    rules = ("GW701", "GW703")
    quick = {"hidden": 8, "steps": 10}
    control = {"squashed": True}
    charts = (Chart("How far dc_t/dc_(t-1) is from the forget gate", "step", "distance", by="path", zh="dc_t/dc_(t-1) 与遗忘门的距离"),)

    hidden: Annotated[int, "units"] = 32
    steps: Annotated[int, "time steps"] = 30
    forget_bias: Annotated[float, "sum of the forget gate's biases at the start"] = 1.0
    squashed: Annotated[bool, "whether the cell goes through tanh at each step"] = False
    exact: Annotated[float, "distance, at most, to be called equal"] = 1e-9

    def measure(self, seed: int) -> Iterator[Row]:
        """Read one sequence; at each step take the Jacobian of the cell with the gates held and with all paths open."""
        torch.manual_seed(seed)
        layer = LSTM(self.hidden, self.hidden, forget_bias=self.forget_bias, dtype=torch.float64)
        w = Weights.of(layer, 0)
        h, c, o = torch.zeros(3, 1, self.hidden, dtype=torch.float64)
        for step, x in enumerate(torch.randn(self.steps, 1, self.hidden, dtype=torch.float64), 1):
            c = c.detach().requires_grad_()
            h = o.detach() * c.tanh()  # the other path; in the first step o is 0
            now = lstm_step(x, h, c, w)
            i, f, g = now.i.detach(), now.f.detach(), now.g.detach()
            for path, new in zip(PATHS, (self.cell(f * c + i * g), self.cell(now.f * c + now.i * now.g)), strict=True):
                jacobian = torch.stack([torch.autograd.grad(unit, c, retain_graph=True)[0][0] for unit in new[0]])
                yield {"step": step, "path": path, "distance": float((jacobian - f[0].diag()).norm() / f.norm())}
            c, o = self.cell(now.c), now.o

    def cell(self, c: Tensor) -> Tensor:
        """The new cell."""
        return c.tanh() if self.squashed else c

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the Jacobian along the cell is the forget gate at every step."""
        along, all_paths = (self.worst(rows, path) for path in PATHS)
        because = (f"at the worst of {self.steps} steps the derivative along the cell is {along} of the forget gate's size away from it; "
                   f"with the path through h and the gates {all_paths}")
        zh = (f"在 {self.steps} 步中最差的一步，沿细胞状态的导数与遗忘门的距离是遗忘门大小的 {along:zh} 倍；"
              f"加上经过 h 和各个门的路径后，是 {all_paths:zh} 倍")
        return Verdict(along.high <= self.exact, because, zh)

    def worst(self, rows: Sequence[Row], path: str) -> Spread:
        """The greatest distance of all steps."""
        return over_seeds(rows, lambda some: max(numbers(some, "distance", path=path)))
