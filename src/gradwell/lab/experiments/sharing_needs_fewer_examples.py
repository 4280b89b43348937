"""How many examples a recurrent network needs whose steps have weights of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.reader import StepByStep, errors, least
from gradwell.lab.rows import Row, last, numbers, over_seeds
from gradwell.lab.tasks.commands import commands


@dataclass(frozen=True)
class SharingNeedsFewerExamples(Experiment):
    """With the same weights at every step an RNN learns from far fewer examples than with weights of its own for each step.

    Shared: h_t = tanh(W x_t + U h_(t-1) + b). Own: W_t, U_t, b_t for each step t, which is T times as many weights. Both learn the
    last command of sequences of one length from the same few sequences, with each of several learning rates, and are judged by the best
    error on new sequences of that length. The control's sequences are one step long: there is nothing to share.
    """

    id = "sharing-needs-fewer-examples"
    zh = "各步共用同一组权重的 RNN，学习所需的样本远少于每步各用一组权重的 RNN。"
    question = 4
    source = ("Rumelhart, Hinton and Williams 1986 (Learning internal representations by error propagation); "
              "Goodfellow, Bengio and Courville 2016 (Deep Learning), chapter 10")
    rules = ("GW411",)
    quick = {"steps": 50, "rates": (0.03,)}
    control = {"length": 1}
    charts = (Chart("Error on new sequences", "step", "error", by="training", log_y=True, zh="新序列上的误差"),
              Chart("Recurrent weights", "weights", "parameters", zh="循环权重"))

    length: Annotated[int, "time steps"] = 10
    examples: Annotated[int, "sequences to learn from"] = 256
    hidden: Annotated[int, "units"] = 16
    steps: Annotated[int, "steps of training"] = 100
    rates: Annotated[tuple[float, ...], "learning rates of Adam"] = (0.01, 0.03)
    times: Annotated[float, "the error, at least, with weights of each step's own"] = 3.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Train both on the same sequences with each rate, and measure on new ones."""
        generator = torch.Generator().manual_seed(seed)
        known, new = (commands(count, self.length, generator) for count in (self.examples, 500))
        for weights, layers in (("shared", 1), ("own", self.length)):
            for rate in self.rates:
                torch.manual_seed(seed)
                model = StepByStep(2, self.hidden, layers)
                for step, _ in errors(model, lambda: known, self.steps, rate, every=15):
                    with torch.no_grad():
                        error = float(F.mse_loss(model(new[0]), new[1]))
                    yield {"training": f"{weights}, rate {rate:g}", "weights": weights, "step": step, "error": error}
            yield {"weights": weights, "parameters": sum(p.numel() for p in model.layers.parameters())}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the error with own weights is well above that with shared ones, at each one's best rate and step."""
        best = {one: least(rows, "error", weights=one) for one in ("shared", "own")}
        ratio = over_seeds(rows, lambda some: min(numbers(some, "error", weights="own")) / min(numbers(some, "error", weights="shared")))
        many = {one: last(rows, "parameters", weights=one) for one in best}
        because = (f"from {self.examples} sequences of {self.length} steps, the error on new ones is {best['shared']} with "
                   f"{many['shared']} shared weights and {best['own']} with {many['own']} of the steps' own, {ratio} times as much")
        zh = (f"用 {self.examples} 条 {self.length} 步的序列学习，"
              f"新序列上的误差在共享权重（{many['shared']:zh} 个）时为 {best['shared']:zh}，"
              f"在各步自有权重（{many['own']:zh} 个）时为 {best['own']:zh}，后者是前者的 {ratio:zh} 倍")
        return Verdict(ratio.low >= self.times, because, zh)
