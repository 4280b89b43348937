"""Where a trained LSTM closes its forget gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, last
from gradwell.nets.recurrent import LSTM, LSTMGates, trace


@dataclass(frozen=True)
class GateClosesToForget(Experiment):
    """A trained LSTM closes its forget gates where its task wants it to forget, and not elsewhere, so a closed gate is no fault.

    c_t = f_t * c_(t-1) + i_t * g_t. The network is asked at every step for the sum of all numbers since the last reset. At a reset f
    must be small for the cells that hold the sum. Each unit's gate is measured at the resets and elsewhere, and the units' mean is
    weighted by the size of the cells it acts on, |c_(t-1)|: gates of empty cells decide nothing. In the control the same resets are
    seen, and the sum goes on over them.
    """

    id = "gate-closes-to-forget"
    zh = "训练好的 LSTM 只在任务要求遗忘的地方关闭遗忘门，别处不关，所以遗忘门关闭并非故障。"
    question = 7
    source = "Gers, Schmidhuber and Cummins 2000 (Learning to forget: continual prediction with LSTM)"
    rules = ("GW703", "GW704")
    quick = {"steps": 150, "rate": 0.03, "length": 15, "batch": 8}
    control = {"forgets": False}
    charts = (Chart("Forget gate, weighted by the cells it acts on", "step", "forget gate", by="where",
                    zh="遗忘门的值，按所作用的细胞状态加权"),
              Chart("Error while learning", "step", "error", log_y=True, zh="学习过程中的误差"))

    forgets: Annotated[bool, "whether the sum starts again at a reset"] = True
    often: Annotated[float, "of the steps are resets"] = 0.15
    length: Annotated[int, "time steps"] = 20
    hidden: Annotated[int, "units"] = 16
    batch: Annotated[int, "sequences a step"] = 32
    steps: Annotated[int, "steps of training"] = 300
    rate: Annotated[float, "learning rate of Adam"] = 0.02
    closed: Annotated[float, "of the gate elsewhere, at most, to be called closed at a reset"] = 0.7

    def measure(self, seed: int) -> Iterator[Row]:
        """Train, and now and then look at the gates."""
        torch.manual_seed(seed)
        layer, head = LSTM(2, self.hidden), nn.Linear(self.hidden, 1)
        optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], self.rate)
        for step in range(1, self.steps + 1):
            x, y = self.sums()
            error = F.mse_loss(head(layer(x)[0]), y)
            optimizer.zero_grad()
            torch.autograd.backward(error)
            optimizer.step()
            if step % 20 == 0 or step == self.steps:
                yield {"step": step, "error": float(error.detach() / y.var())}
                for where, value in self.gates(layer, x).items():
                    yield {"step": step, "where": where, "forget gate": value}

    def sums(self) -> tuple[Tensor, Tensor]:
        """Sequences (time, batch, 2) of numbers and resets, and the sums so far (time, batch, 1)."""
        numbers = 0.5 * torch.randn(self.length, self.batch)
        resets = (torch.rand(self.length, self.batch) < self.often).float()
        total, sums = torch.zeros(self.batch), []
        for number, reset in zip(numbers, resets, strict=True):
            total = total * (1 - reset) + number if self.forgets else total + number
            sums.append(total)
        return torch.stack([numbers, resets], dim=2), torch.stack(sums)[..., None]

    def gates(self, layer: LSTM, x: Tensor) -> dict[str, float]:
        """The forget gates' mean at resets and elsewhere, weighted by the cells."""
        gates = trace(layer, x)[0]
        assert isinstance(gates, LSTMGates)
        f, weight, resets = gates.f[1:], gates.c[:-1].abs(), x[1:, :, 1] > 0
        return {where: float((f * weight)[at].sum() / weight[at].sum()) for where, at in (("at a reset", resets), ("elsewhere", ~resets))}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the gate at a reset is well below the gate elsewhere."""
        reset, elsewhere = (last(rows, "forget gate", where=where) for where in ("at a reset", "elsewhere"))
        error = last(rows, "error")
        because = f"forget gate {reset} at a reset and {elsewhere} elsewhere, with {error} of the sums' variance left as error"
        zh = f"遗忘门在重置处为 {reset:zh}，在别处为 {elsewhere:zh}；剩余误差占累加和方差的 {error:zh}"
        return Verdict(reset.high <= self.closed * elsewhere.low, because, zh)
