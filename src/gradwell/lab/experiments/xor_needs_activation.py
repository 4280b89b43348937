"""Whether depth alone learns exclusive or."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Annotated

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from gradwell.lab.descent import descend
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import network
from gradwell.lab.rows import Row, numbers, over_seeds


@dataclass(frozen=True)
class XorNeedsActivation(Experiment):
    """Without an activation no depth and no learning rate learns exclusive or: the loss stays ln 2, that of a coin.

    No line parts {(0, 0), (1, 1)} from {(0, 1), (1, 0)}, and a net without activations draws a line, whatever its depth. Cross-entropy is
    convex in that line, and its lowest value, ln 2, is where the line says nothing. Nets of each depth are trained on the four points with
    each learning rate; the best of all counts.
    """

    id = "xor-needs-activation"
    zh = "没有激活函数，任何深度、任何学习率都学不会异或：损失停在 ln 2，与抛硬币相同。"
    question = 9
    source = "Minsky and Papert 1969 (Perceptrons); Rumelhart, Hinton and Williams 1986"
    rules = ("GW104",)
    quick = {"depths": (2,), "rates": (0.3, 1.0), "steps": 200}
    control = {"function": "tanh"}
    charts = (Chart("Loss while training, with the best learning rate for each depth", "step", "loss", by="depth",
                    zh="训练过程中的损失，每种深度取最佳学习率"),)

    function: Annotated[str, "activation, or none"] = "none"
    depths: Annotated[tuple[int, ...], "layers"] = (2, 3, 5)
    hidden: Annotated[int, "units a hidden layer"] = 8
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.1, 0.3, 1.0)
    steps: Annotated[int, "steps"] = 600
    learned: Annotated[float, "of a coin's loss, at most, where it is learned"] = 0.5

    def measure(self, seed: int) -> Iterator[Row]:
        """Train nets of each depth with each learning rate."""
        x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        y = (x[:, :1] != x[:, 1:]).float()
        for depth in self.depths:
            curves = []
            for rate in self.rates:
                torch.manual_seed(seed)
                net = network(self.function, 2, *[self.hidden] * (depth - 1), 1)
                curves.append([*descend(net, binary_cross_entropy_with_logits, x, y, rate, self.steps)])
            rate, losses = min(zip(self.rates, curves, strict=True), key=lambda one: min(one[1]))
            for step in range(0, self.steps + 1, max(1, self.steps // 30)):
                yield {"depth": f"{depth} layers", "rate": rate, "step": step, "loss": losses[step], "lowest": min(losses)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the lowest loss of all is hardly below ln 2."""
        lowest = over_seeds(rows, lambda some: min(numbers(some, "lowest")) / log(2))
        because = f"the lowest loss of all depths, learning rates and steps is {lowest} of ln 2, a coin's"
        zh = f"所有深度、学习率和步数中的最低损失是抛硬币的损失 ln 2 的 {lowest:zh} 倍"
        return Verdict(lowest.low > self.learned, because, zh)
