"""What the first bias of the forget gate decides about what an LSTM can learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import log
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.reader import Reader, errors, layer, least
from gradwell.lab.rows import Row
from gradwell.lab.tasks.recall import recall

AS_LONG = "ln T"


@dataclass(frozen=True)
class ForgetBiasBridgesTime(Experiment):
    """An LSTM learns to recall a number from 100 steps back where its forget gates start open for that long, not with a bias of 0 or 1.

    A forget gate with bias b starts at f = sigmoid(b) and remembers for 1 / (-log f) steps: 1.4 with b = 0, 3 with b = 1, about T with
    b = ln T. Each bias trains with each of several learning rates, from the same weights on the same sequences, and is judged by its best.
    The control asks for a number of a few steps back, where every bias will do.
    """

    id = "forget-bias-bridges-time"
    zh = "若遗忘门在训练开始时就张开得足以记住 100 步，LSTM 便能学会回忆 100 步之前的一个数；偏置为 0 或 1 时则学不会。"
    question = 7
    source = ("Gers, Schmidhuber and Cummins 2000 (Learning to forget); Jozefowicz, Zaremba and Sutskever 2015 (An empirical exploration "
              "of recurrent network architectures); Tallec and Ollivier 2018 (Can recurrent neural networks warp time?)")
    textbook = "a forget bias of 1 is enough to remember; it is for some tens of steps, not for any length"
    textbook_zh = "遗忘门的偏置取 1 就足以记忆；这只对几十步成立，并非对任何长度都成立"
    rules = ("GW703",)
    quick = {"length": 40, "steps": 80, "batch": 16, "rates": (0.01,), "biases": (0.0,)}
    control = {"length": 4}
    charts = (
        Chart("Error at the end of the training", "rate", "left", by="bias", log_x=True, log_y=True, zh="训练结束时的误差"),
        Chart("Error while learning", "step", "error", by="training", log_y=True, zh="学习过程中的误差"),
    )

    biases: Annotated[tuple[float, ...], "forget biases measured beside ln T"] = (0.0, 1.0)
    length: Annotated[int, "time steps"] = 100
    hidden: Annotated[int, "units"] = 16
    batch: Annotated[int, "sequences a step"] = 32
    steps: Annotated[int, "steps of training"] = 150
    rates: Annotated[tuple[float, ...], "learning rates of Adam"] = (0.003, 0.01, 0.03)
    learned: Annotated[float, "squared error below which the number is recalled; it starts at 1"] = 0.2

    def measure(self, seed: int) -> Iterator[Row]:
        """Train with each bias and each rate."""
        for name, bias in {**{f"{b:g}": b for b in self.biases}, AS_LONG: log(self.length)}.items():
            for rate in self.rates:
                torch.manual_seed(seed)
                model = Reader(layer("lstm", 2, self.hidden, forget_bias=bias))
                batch = partial(recall, self.batch, self.length, torch.Generator().manual_seed(seed))
                for step, error in errors(model, batch, self.steps, rate, every=15):
                    yield {"training": f"bias {name}, rate {rate:g}", "step": step, "error": error}
                yield {"bias": name, "rate": rate, "left": error}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the best error with ln T falls below `learned`, and with each other bias stays above it."""
        best = {name: least(rows, "left", bias=name) for name in (AS_LONG, *(f"{b:g}" for b in self.biases))}
        because = f"of a number {self.length} steps back the best learning rate leaves of the error " + ", ".join(
            f"{error} with bias {name}" for name, error in best.items())
        zh = f"回忆 {self.length} 步之前的一个数，在最佳学习率下剩下的误差：" + "，".join(
            f"偏置为 {name} 时是 {error:zh}" for name, error in best.items())
        as_long = best.pop(AS_LONG)
        return Verdict(as_long.high < self.learned < min(error.low for error in best.values()), because, zh)
