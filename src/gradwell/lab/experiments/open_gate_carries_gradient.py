"""How much of the gradient comes back through an LSTM's cell when its forget gates are open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.rows import Row, last
from gradwell.nets.recurrent import LSTM, LSTMGates, temporal_gradients, trace


@dataclass(frozen=True)
class OpenGateCarriesGradient(Experiment):
    """With its forget gates open an LSTM lets the gradient come back over hundreds of steps without vanishing.

    Along the cell the gradient at step t is that at the last step T times the product of the forget gates f_(t+1) ... f_T. Measured
    is dL/dc_t, whole: through the cell and through the gates, for a loss that reads the last output only. Beside it stands the product
    alone, and the memory horizon 1 / mean(-log f), in steps. The gates are open by their bias; nothing is trained.
    """

    id = "open-gate-carries-gradient"
    zh = "遗忘门打开时，LSTM 的梯度回传数百步也不消失。"
    question = 7
    source = "Gers, Schmidhuber and Cummins 2000 (Learning to forget); Tallec and Ollivier 2018 (Can recurrent neural networks warp time?)"
    textbook = ("what comes back is the product of the forget gates; the path through h and the gates adds to it, and at the early steps, "
                "whose cells are small, the whole grows far beyond the product: nothing vanishes, but it can explode")
    textbook_zh = ("回传的梯度就是各遗忘门之积；经过 h 和各个门的路径还会添上一份，"
                   "在细胞状态很小的前几步，总梯度远大于这个积：梯度不会消失，却可能爆炸")
    rules = ("GW701", "GW703")
    quick = {"hidden": 16, "batch": 8}
    control = {"forget_bias": 0.0}
    charts = (Chart("What comes back to the cell at each step, of what is there at the last", "step", "part", by="of", log_y=True,
                    zh="回传到各步细胞状态的量与最后一步之比"),)

    length: Annotated[int, "time steps"] = 300
    hidden: Annotated[int, "units"] = 32
    batch: Annotated[int, "sequences"] = 16
    forget_bias: Annotated[float, "sum of the forget gate's biases", Least(-20)] = 6.0
    carried: Annotated[float, "of the gradient, at least, at the first step"] = 0.1

    def measure(self, seed: int) -> Iterator[Row]:
        """Read random sequences; send a random gradient back from the last output; see what reaches each step."""
        torch.manual_seed(seed)
        layer = LSTM(1, self.hidden, forget_bias=self.forget_bias, orthogonal=False)
        x, dy = torch.randn(self.length, self.batch, 1), torch.zeros(self.length, self.batch, self.hidden)
        dy[-1] = torch.randn(self.batch, self.hidden)
        gates = trace(layer, x)[0]
        assert isinstance(gates, LSTMGates)
        from_end = gates.f.flip(0).cumprod(0).flip(0).mean((1, 2))  # f_t ... f_T
        product = torch.cat([from_end[1:], torch.ones(1)])
        gradient = temporal_gradients(layer, x, dy, lags=1)[0].c_norm
        assert gradient is not None
        for step in range(0, self.length, max(1, self.length // 30)):
            yield {"step": step + 1, "of": "gradient", "part": float(gradient[step] / gradient[-1])}
            yield {"step": step + 1, "of": "product of forget gates", "part": float(product[step])}
        yield {"horizon": float(gates.memory_horizon().median())}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the first step receives a good part of what the last one does."""
        gradient, product = (last(rows, "part", step=1, of=of) for of in ("gradient", "product of forget gates"))
        horizon = last(rows, "horizon")
        because = (f"the first of {self.length} steps receives {gradient} times the gradient of the last, where the forget gates alone "
                   f"would leave {product}; memory horizon {horizon} steps")
        zh = f"{self.length} 步中的第一步得到的梯度是最后一步的 {gradient:zh} 倍，仅凭遗忘门会剩下 {product:zh}；记忆跨度为 {horizon:zh} 步"
        return Verdict(gradient.low >= self.carried, because, zh)
