"""How long a net that begins confidently wrong takes to come free, under the squared error and under cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import network
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.digits import digits
from gradwell.nets.losses import loss

OPTIMIZERS = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}


@dataclass(frozen=True)
class MseEscapesSlowly(Experiment):
    """Gradient descent frees a confidently wrong net many times later under squared error than under cross-entropy, best rate against best.

    With p = sigmoid(z), d(p - y)^2/dz = 2 (p - y) p (1 - p), and cross-entropy's is p - y. A net is to tell odd digits from even ones; its
    last bias makes it call each of them odd, with probability 1 - exp(-bias). Steps are counted until it is mostly right, for each of
    several learning rates, and the best rate counts for either loss. From an undecided start, bias 0, both take about as long: there
    p (1 - p) is 1/4 for two classes, and a larger rate makes up for it. Adam, which divides a gradient by its size, does not mind it.
    """

    id = "mse-escapes-slowly"
    zh = "网络自信地出错时，梯度下降使它脱困所需的步数，平方误差下是交叉熵下的许多倍，两者各取最佳学习率。"
    question = 1
    source = "Glorot and Bengio 2010, section 4.1; Nielsen 2015 (Neural networks and deep learning), chapter 3"
    textbook = "Squared error makes a classifier learn slowly, whatever its start and its optimizer."
    textbook_zh = "无论起点如何、用哪种优化器，平方误差都使分类器学得慢。"
    rules = ("GW301",)
    quick = {"examples": 60, "right": 0.8, "rates": (0.4, 1.6), "adam_rates": (0.01,), "steps": 100, "bias": 12.0}
    control = {"bias": 0.0}
    charts = (Chart("Steps until the net is mostly right, by learning rate", "rate", "steps", by="way", log_x=True, log_y=True,
                    zh="不同学习率下网络大体答对所需的步数"),
              Chart("Share of right answers with the best learning rate", "step", "right", by="way", zh="最佳学习率下的正确率"))

    bias: Annotated[float, "of the last layer at the start, for the answer 1"] = 8.0
    right: Annotated[float, "of the answers, at least, for the net to be mostly right"] = 0.85
    rates: Annotated[tuple[float, ...], "learning rates of gradient descent"] = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
    adam_rates: Annotated[tuple[float, ...], "learning rates of Adam"] = (0.003, 0.01, 0.03)
    hidden: Annotated[int, "hidden tanh units"] = 16
    examples: Annotated[int, "examples"] = 200
    steps: Annotated[int, "steps, at most; who takes longer counts as having taken as many"] = 600
    slower: Annotated[float, "times as many steps, at least, to be much slower"] = 3.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Train with each loss, optimizer and learning rate."""
        images = digits(torch.Generator().manual_seed(seed))
        x, y = images.x[:self.examples].flatten(1), (images.y[:self.examples] % 2).float().unsqueeze(1)
        for optimizer, rates in (("SGD", self.rates), ("Adam", self.adam_rates)):
            for name in ("squared_error", "binary_cross_entropy"):
                way = f"{name} with {optimizer}"
                curves = [self.curve(seed, x, y, name, optimizer, rate) for rate in rates]
                for rate, curve in zip(rates, curves, strict=True):
                    yield {"way": way, "rate": rate, "steps": max(1, len(curve) - 1)}
                best = min(curves, key=len)
                for step in range(0, len(best), max(1, len(best) // 20)):
                    yield {"way": way, "step": step, "right": best[step]}

    def curve(self, seed: int, x: Tensor, y: Tensor, name: str, optimizer: str, rate: float) -> list[float]:
        """The share of right answers before each step, until the net is mostly right."""
        torch.manual_seed(seed)
        net = network("tanh", x.shape[1], self.hidden, 1)
        last = net[-1]
        assert isinstance(last, nn.Linear)
        nn.init.constant_(last.bias, self.bias)
        update, found = OPTIMIZERS[optimizer](net.parameters(), rate), []
        for _ in range(self.steps + 1):
            z = net(x)
            found.append(float(((z > 0) == y).float().mean()))
            if found[-1] >= self.right:
                break
            update.zero_grad()
            torch.autograd.backward(loss(name).value(z.sigmoid() if name == "squared_error" else z, y))
            update.step()
        return found

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where gradient descent takes many times as many steps under the squared error; Adam is told beside."""
        squared, entropy, adam_squared, adam_entropy = (
            over_seeds(rows, partial(fewest, way=f"{name} with {optimizer}"))
            for optimizer in OPTIMIZERS for name in ("squared_error", "binary_cross_entropy"))
        times = over_seeds(rows, lambda some: fewest(some, "squared_error with SGD") / fewest(some, "binary_cross_entropy with SGD"))
        because = (f"gradient descent takes {squared} steps under squared error and {entropy} under cross-entropy, {times} times as many; "
                   f"Adam takes {adam_squared} and {adam_entropy} (at most {self.steps} were made)")
        zh = (f"梯度下降在平方误差下用 {squared:zh} 步，在交叉熵下用 {entropy:zh} 步，前者是后者的 {times:zh} 倍；"
              f"Adam 分别用 {adam_squared:zh} 步和 {adam_entropy:zh} 步（最多训练 {self.steps} 步）")
        return Verdict(times.low >= self.slower, because, zh)


def fewest(rows: Sequence[Row], way: str) -> float:
    """The steps that the best learning rate takes."""
    return min(numbers(rows, "steps", way=way))
