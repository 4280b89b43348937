"""How far back the steps lie from which the gradient of a recurrent network's shared weight comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.reader import layer
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.nets.recurrent import temporal_gradients


@dataclass(frozen=True)
class VanishingGradientRNN(Experiment):
    """In a plain RNN nearly all of the recurrent weight's gradient comes from the last few steps, however long the sequence is.

    dL/dU = sum over t and s <= t of what goes from the output at step t back to U as it acts at step s; t - s is the lag. The sum
    is taken apart by lag, for an output asked for at every step, and the sizes ||G_k|| of its parts are compared. The weights
    are those that torch draws, uniform up to 1/sqrt(hidden). The control draws U orthogonal, so that it shrinks nothing by itself.
    """

    id = "vanishing-gradient-rnn"
    zh = "在普通 RNN 中，无论序列多长，循环权重的梯度几乎全部来自最近的几步。"
    question = 5
    source = ("Bengio, Simard and Frasconi 1994 (Learning long-term dependencies with gradient descent is difficult); "
              "Pascanu, Mikolov and Bengio 2013 (On the difficulty of training recurrent neural networks)")
    rules = ("GW701",)
    quick = {"hidden": 16, "batch": 4, "length": 60}
    control = {"orthogonal": True}
    charts = (Chart("Size of what each lag gives to the recurrent weight's gradient, of the largest", "lag", "size", log_y=True,
                    zh="各时滞对循环权重梯度的贡献，与最大者之比"),)

    cell: Annotated[str, "cell"] = "rnn"
    orthogonal: Annotated[bool, "whether the recurrent weights start orthogonal"] = False
    length: Annotated[int, "time steps"] = 100
    hidden: Annotated[int, "units"] = 32
    batch: Annotated[int, "sequences"] = 16
    short: Annotated[int, "lags that are called short"] = 10
    most: Annotated[float, "of all sizes, at least, for short lags to dominate"] = 0.9

    def measure(self, seed: int) -> Iterator[Row]:
        """Read random sequences, send a random gradient back from every output, and take the recurrent weight's gradient apart."""
        torch.manual_seed(seed)
        reads = layer(self.cell, 1, self.hidden, orthogonal=self.orthogonal)
        x, dy = torch.randn(self.batch, self.length, 1), torch.randn(self.batch, self.length, self.hidden)
        sizes = temporal_gradients(reads, x, dy)[0].lag_norms["weight_hh"]
        for lag, size in enumerate(sizes.tolist()):
            yield {"lag": lag, "size": size / float(sizes.max()), "share": size / float(sizes.sum())}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the short lags' parts make up most of all parts' sizes."""
        near = over_seeds(rows, lambda some: sum(numbers(some, "share")[: self.short]))
        half = over_seeds(rows, lambda some: numbers(some, "size", lag=self.length // 2)[0])
        because = (f"the {self.short} shortest of {self.length} lags have {near} of the sizes of all parts; "
                   f"lag {self.length // 2} gives {half} of what the largest gives")
        zh = (f"{self.length} 个时滞中最短的 {self.short} 个占各部分大小之和的 {near:zh}；"
              f"时滞 {self.length // 2} 的贡献是最大者的 {half:zh} 倍")
        return Verdict(near.low >= self.most, because, zh)
