"""What a plain recurrent network and an LSTM learn of a number that lies far back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.reader import Reader, errors, layer, least
from gradwell.lab.rows import Row
from gradwell.lab.tasks.recall import recall


@dataclass(frozen=True)
class LongDependencyNotLearned(Experiment):
    """A plain RNN, started as usual, does not learn to recall a number from 50 steps back in steps that are enough for an LSTM.

    h_t = tanh(W x_t + U h_(t-1)), with U as torch draws it: the way from h_T back to h_1 is a product of T - 1 matrices
    diag(tanh') U, each of which shrinks what passes. The LSTM's forget gates start open for about T steps (bias ln T). Both
    train with each of several learning rates, and each is judged by its best. A quarter of the error is left to a network that keeps
    the number's sign alone; 1 to one that keeps nothing. The control asks for a number of a few steps back.
    """

    id = "long-dependency-not-learned"
    zh = "按常规初始化的普通 RNN，在足以让 LSTM 学会的步数内，学不会回忆 50 步之前的一个数。"
    question = 5
    source = ("Bengio, Simard and Frasconi 1994 (Learning long-term dependencies with gradient descent is difficult); "
              "Hochreiter and Schmidhuber 1997 (Long short-term memory)")
    textbook = ("a plain RNN cannot learn what lies far back; much of that is how its recurrent weights start: from orthogonal ones, which "
                "do not shrink what passes (knob `orthogonal`), it learns most of it")
    textbook_zh = ("普通 RNN 学不会相距很远的依赖；这在很大程度上取决于循环权重的初始化："
                   "若从正交权重出发（它不缩小所经过的量；旋钮 `orthogonal`），便能学会其中的大部分")
    rules = ("GW701", "GW605")
    quick = {"length": 25, "steps": 60, "batch": 16, "rates": (0.01,)}
    control = {"length": 4}
    charts = (
        Chart("Error at the end of the training", "rate", "left", by="cell", log_x=True, log_y=True, zh="训练结束时的误差"),
        Chart("Error while learning", "step", "error", by="training", log_y=True, zh="学习过程中的误差"),
    )

    plain: Annotated[str, "cell that is to fail"] = "rnn"
    gated: Annotated[str, "cell that is to learn"] = "lstm"
    orthogonal: Annotated[bool, "whether recurrent weights start orthogonal"] = False
    length: Annotated[int, "time steps"] = 50
    hidden: Annotated[int, "units"] = 16
    batch: Annotated[int, "sequences a step"] = 32
    steps: Annotated[int, "steps of training"] = 200
    rates: Annotated[tuple[float, ...], "learning rates of Adam"] = (0.003, 0.01, 0.03)
    learned: Annotated[float, "squared error below which the number is recalled; it starts at 1"] = 0.2

    def measure(self, seed: int) -> Iterator[Row]:
        """Train each cell with each rate from the same seed, on the same sequences."""
        for cell in (self.plain, self.gated):
            options = {"forget_bias": math.log(self.length)} if cell == "lstm" else {}
            for rate in self.rates:
                torch.manual_seed(seed)
                model = Reader(layer(cell, 2, self.hidden, orthogonal=self.orthogonal, **options))
                batch = partial(recall, self.batch, self.length, torch.Generator().manual_seed(seed))
                for step, error in errors(model, batch, self.steps, rate, every=20):
                    yield {"training": f"{cell}, rate {rate:g}", "step": step, "error": error}
                yield {"cell": cell, "rate": rate, "left": error}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the plain cell's best error stays above `learned`, and the gated one's falls below it."""
        plain, gated = (least(rows, "left", cell=cell) for cell in (self.plain, self.gated))
        because = (f"of a number {self.length} steps back, the best learning rate leaves the {self.plain} "
                   f"{plain} of the error and the {self.gated} {gated}")
        zh = f"回忆 {self.length} 步之前的一个数，取最佳学习率时，{self.plain} 的误差剩下 {plain:zh}，{self.gated} 剩下 {gated:zh}"
        return Verdict(plain.low > self.learned > gated.high, because, zh)
