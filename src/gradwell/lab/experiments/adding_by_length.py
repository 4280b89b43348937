"""What a plain recurrent network and an LSTM learn of the adding task, by the length of the sequences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.reader import Reader, errors, layer, least
from gradwell.lab.rows import Row
from gradwell.lab.tasks.adding import TRIVIAL, adding


@dataclass(frozen=True)
class AddingByLength(Experiment):
    """The longer the sequences of the adding task, the less a plain RNN learns of it, until it learns nothing that an LSTM does learn.

    Two of T numbers are marked, one in each half, and their sum is asked for at the end. To answer 1, the mean, leaves a squared error
    of 1/6; what is left is given in parts of it. h_t = tanh(W x_t + U h_(t-1)), with U as torch draws it; the LSTM's forget gates start
    open for about T steps (bias ln T). Both train for the same steps at every length, with each of several learning rates, and each
    is judged by its best. An orthogonal U (knob `orthogonal`) does not help in so few steps. The control has short sequences alone.
    """

    id = "adding-by-length"
    zh = "加法任务的序列越长，普通 RNN 学到的越少，直至什么也学不到，而同样的序列 LSTM 学得会。"
    question = 5
    source = ("Hochreiter and Schmidhuber 1997 (Long short-term memory), section 5.4; "
              "Bengio, Simard and Frasconi 1994 (Learning long-term dependencies with gradient descent is difficult)")
    rules = ("GW701", "GW605")
    quick = {"lengths": (2, 10), "steps": 200, "batch": 16, "rates": (0.02,), "learned": 0.4, "lost": 0.7}
    control = {"lengths": (2, 4)}
    charts = (
        Chart("Error at the end of the training, of that of the mean", "length", "best", by="cell", log_x=True,
              zh="训练结束时的误差（以均值的误差为单位）"),
        Chart("Error while learning the longest sequences", "step", "error", by="training", zh="学习最长序列时的误差"),
    )

    plain: Annotated[str, "cell that is to fail"] = "rnn"
    gated: Annotated[str, "cell that is to learn"] = "lstm"
    orthogonal: Annotated[bool, "whether recurrent weights start orthogonal"] = False
    lengths: Annotated[tuple[int, ...], "time steps", Least(2)] = (5, 10, 20)
    hidden: Annotated[int, "units"] = 32
    batch: Annotated[int, "sequences a step"] = 32
    steps: Annotated[int, "steps of training"] = 400
    rates: Annotated[tuple[float, ...], "learning rates of Adam"] = (0.01, 0.03)
    learned: Annotated[float, "of the mean's error, below which the task is learned"] = 0.2
    lost: Annotated[float, "of the mean's error, above which nothing is learned"] = 0.8

    def measure(self, seed: int) -> Iterator[Row]:
        """Train each cell at each length with each rate from the same seed, on the same sequences."""
        for length in self.lengths:
            for cell in (self.plain, self.gated):
                options = {"forget_bias": math.log(length)} if cell == "lstm" else {}
                left = []
                for rate in self.rates:
                    torch.manual_seed(seed)
                    model = Reader(layer(cell, 2, self.hidden, orthogonal=self.orthogonal, **options))
                    batch = partial(adding, self.batch, length, torch.Generator().manual_seed(seed))
                    for step, error in errors(model, batch, self.steps, rate, every=40):
                        if length == max(self.lengths):
                            yield {"training": f"{cell}, rate {rate:g}", "step": step, "error": error / TRIVIAL}
                    left.append(error / TRIVIAL)
                    yield {"cell": cell, "length": length, "rate": rate, "left": left[-1]}
                yield {"cell": cell, "length": length, "best": min(left)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the plain cell learns the shortest sequences and nothing of the longest, and the gated one learns these."""
        short, long = min(self.lengths), max(self.lengths)
        near, far, gated = (least(rows, "left", cell=cell, length=length)
                            for cell, length in ((self.plain, short), (self.plain, long), (self.gated, long)))
        because = (f"of the error that the mean leaves, the best learning rate leaves the {self.plain} {near} at {short} steps and {far} "
                   f"at {long}, and the {self.gated} {gated} at {long}")
        zh = (f"以均值的误差为单位，取最佳学习率时，{self.plain} 在 {short} 步时剩下 {near:zh}，在 {long} 步时剩下 {far:zh}，"
              f"{self.gated} 在 {long} 步时剩下 {gated:zh}")
        return Verdict(near.high < self.learned and far.low > self.lost and gated.high < self.learned, because, zh)
