"""Whether a recurrent network that was trained on short sequences can read long ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.reader import StepByStep, errors
from gradwell.lab.rows import Row, last
from gradwell.lab.tasks.commands import commands


@dataclass(frozen=True)
class SharingOverTimeAnyLength(Experiment):
    """An RNN trained on short sequences reads sequences of eight times the length as well, for it has the same weights at every step.

    h_t = tanh(W x_t + U h_(t-1) + b) with one W, U, b for all t. It is asked for the last command that a sequence gave, at lengths
    up to `longest` in training and at lengths beyond it after. The control gives each step t weights of its own, W_t, U_t, b_t:
    those of steps beyond the longest of the training were never trained, and their number grows with the length.
    """

    id = "sharing-over-time-any-length"
    zh = "在短序列上训练的 RNN 读八倍长的序列也一样好，因为它每一步都用同样的权重。"
    question = 4
    source = ("Rumelhart, Hinton and Williams 1986 (Learning internal representations by error propagation); "
              "Goodfellow, Bengio and Courville 2016 (Deep Learning), chapter 10")
    rules = ("GW706",)
    quick = {"steps": 120, "times": (1, 4), "batch": 32, "rate": 0.03}
    control = {"shared": False}
    charts = (Chart("Error on sequences of each length", "length", "error", log_x=True, log_y=True, zh="各长度序列上的误差"),)

    shared: Annotated[bool, "whether all steps have the same weights"] = True
    longest: Annotated[int, "time steps of the longest sequences in training"] = 10
    times: Annotated[tuple[int, ...], "lengths read after it, in multiples of the longest"] = (1, 2, 4, 8)
    hidden: Annotated[int, "units"] = 16
    batch: Annotated[int, "sequences a step"] = 64
    steps: Annotated[int, "steps of training"] = 300
    rate: Annotated[float, "learning rate of Adam"] = 0.01
    right: Annotated[float, "squared error below which the sequences are read; it starts at 1"] = 0.2

    def measure(self, seed: int) -> Iterator[Row]:
        """Train on sequences of 1 to `longest` steps; measure on new sequences of each length."""
        torch.manual_seed(seed)
        model = StepByStep(2, self.hidden, 1 if self.shared else self.longest * max(self.times))
        generator = torch.Generator().manual_seed(seed)

        def batch() -> tuple[Tensor, Tensor]:
            return commands(self.batch, int(torch.randint(1, self.longest + 1, (1,), generator=generator)), generator)

        for step, error in errors(model, batch, self.steps, self.rate, every=30):
            yield {"step": step, "training error": error}
        sizes = [sum(p.numel() for p in layer.parameters()) for layer in model.layers]
        with torch.no_grad():
            for length in (self.longest * times for times in sorted({1, *self.times})):
                x, y = commands(500, length, generator)
                yield {"length": length, "error": float(F.mse_loss(model(x), y)), "parameters": sum(sizes[:length])}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the error stays small at the greatest length."""
        length = self.longest * max(self.times)
        trained, beyond = (last(rows, "error", length=one) for one in (self.longest, length))
        parameters = last(rows, "parameters", length=length)
        because = (f"error {trained} at {self.longest} steps, the most it was trained on, and {beyond} at {length} steps, "
                   f"with {parameters} recurrent weights for that length")
        zh = (f"训练时最长为 {self.longest} 步，这一长度上的误差为 {trained:zh}；{length} 步时误差为 {beyond:zh}，"
              f"这一长度用到 {parameters:zh} 个循环权重")
        return Verdict(beyond.high < self.right, because, zh)
