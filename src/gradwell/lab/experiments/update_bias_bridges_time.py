"""What the first bias of the update gate decides about what a GRU can learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import log
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.reader import Reader, errors, layer, least
from gradwell.lab.rows import Row
from gradwell.lab.tasks.recall import recall


@dataclass(frozen=True)
class UpdateBiasBridgesTime(Experiment):
    """A GRU learns to recall a number from 30 steps back where its update gates keep the state that long at first, not with a bias of 0.

    h_t = (1 - z) * n + z * h_(t-1), so z keeps the state as an LSTM's forget gate keeps the cell, and dh_t/dh_(t-1) = z along it. With
    bias b it starts at z = sigmoid(b): b = ln T keeps the state for about T steps, the usual b = 0 for 1.4. Each bias trains with each of
    several learning rates, from the same weights on the same sequences, and is judged by its best. The control asks for a number of a few
    steps back.
    """

    id = "update-bias-bridges-time"
    zh = "更新门起初就能把状态保持 30 步之久的 GRU，学得会回忆 30 步之前的一个数；偏置为 0 的学不会。"
    question = 7
    source = ("Cho et al. 2014 (Learning phrase representations using RNN encoder-decoder); "
              "Tallec and Ollivier 2018 (Can recurrent neural networks warp time?)")
    rules = ("GW701",)
    quick = {"length": 25, "steps": 80, "batch": 8, "rates": (0.02,)}
    control = {"length": 3}
    charts = (
        Chart("Error at the end of the training", "rate", "left", by="bias", log_x=True, log_y=True, zh="训练结束时的误差"),
        Chart("Error while learning", "step", "error", by="training", log_y=True, zh="学习过程中的误差"),
    )

    usual: Annotated[float, "update gate's bias that ln T is compared with", Least(-20)] = 0.0
    length: Annotated[int, "time steps"] = 30
    hidden: Annotated[int, "units"] = 16
    batch: Annotated[int, "sequences a step"] = 16
    steps: Annotated[int, "steps of training"] = 100
    rates: Annotated[tuple[float, ...], "learning rates of Adam"] = (0.01, 0.03)
    learned: Annotated[float, "squared error below which the number is recalled; it starts at 1"] = 0.2

    def measure(self, seed: int) -> Iterator[Row]:
        """Train with both biases and each rate."""
        for name, bias in (("usual", self.usual), ("ln T", log(self.length))):
            for rate in self.rates:
                torch.manual_seed(seed)
                gru = layer("gru", 2, self.hidden)
                with torch.no_grad():  # torch's order of the gates: r, z, n
                    gru.get_parameter("bias_ih_l0")[self.hidden : 2 * self.hidden] = bias
                batch = partial(recall, self.batch, self.length, torch.Generator().manual_seed(seed))
                for step, error in errors(Reader(gru), batch, self.steps, rate, every=10):
                    yield {"training": f"bias {name}, rate {rate:g}", "step": step, "error": error}
                yield {"bias": name, "rate": rate, "left": error}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the best error with ln T falls below `learned`, and with the usual bias stays above it."""
        usual, as_long = (least(rows, "left", bias=name) for name in ("usual", "ln T"))
        because = (f"of a number {self.length} steps back the best learning rate leaves {as_long} of the error with bias ln T and "
                   f"{usual} with bias {self.usual:g}")
        zh = (f"回忆 {self.length} 步之前的一个数，取最佳学习率时，偏置为 ln T 的误差剩下 {as_long:zh}，"
              f"偏置为 {self.usual:g} 的剩下 {usual:zh}")
        return Verdict(as_long.high < self.learned < usual.low, because, zh)
