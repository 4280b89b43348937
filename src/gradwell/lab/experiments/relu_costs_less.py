"""What an activation costs beside ReLU, by itself and as part of a layer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import layer
from gradwell.lab.rows import Row, last


@dataclass(frozen=True)
class ReluCostsLess(Experiment):
    """By itself ReLU costs less time than sigmoid, tanh or GELU, forward and back.

    ReLU compares each number with 0, the others take an exponential or an error function of it. But a layer of n inputs multiplies and adds
    n times for each number that its activation sees. Each activation is timed in turn with ReLU on the same numbers, many times, and the
    median of the ratios counts, since a processor's speed changes while it works.
    """

    id = "relu-costs-less"
    zh = "单看激活函数本身，ReLU 前向加反向所用的时间比 sigmoid、tanh 和 GELU 都少。"
    question = 10
    source = "Glorot, Bordes and Bengio 2011 (Deep sparse rectifier neural networks)"
    textbook = "ReLU makes a network faster. Beside the matrix of a wide layer the difference drowns, as the control shows."
    textbook_zh = "ReLU 使网络更快。与宽层的矩阵运算相比，这点差别微不足道，对照实验表明了这一点。"
    timed = True
    quick = {"pairs": 5}
    control = {"in_layer": True}
    charts = (Chart("Time in units of ReLU's, forward and back", "function", "ratio", zh="前向加反向的时间，以 ReLU 的时间为单位"),
              Chart("Microseconds for one batch", "function", "microseconds", zh="一个批次所用的微秒数"))

    functions: Annotated[tuple[str, ...], "activations to compare with ReLU"] = ("sigmoid", "tanh", "gelu")
    in_layer: Annotated[bool, "each with the linear layer below it"] = False
    examples: Annotated[int, "examples"] = 128
    width: Annotated[int, "units, and inputs of the linear layer"] = 512
    pairs: Annotated[int, "times that either is timed"] = 40
    more: Annotated[float, "times ReLU's time, at least, to cost more"] = 1.1

    def measure(self, seed: int) -> Iterator[Row]:
        """Time each activation and ReLU in turn."""
        torch.manual_seed(seed)
        x, grad = torch.randn(self.examples, self.width, requires_grad=True), torch.randn(self.examples, self.width)
        below = nn.Linear(self.width, self.width) if self.in_layer else nn.Identity()
        relu = nn.Sequential(below, layer("relu"))
        for function in self.functions:
            other = nn.Sequential(below, layer(function))
            both = [(seconds(other, x, grad), seconds(relu, x, grad)) for _ in range(self.pairs + 1)][1:]  # the first one warms up
            yield {"function": function, "ratio": median(a / b for a, b in both), "microseconds": 1e6 * median(a for a, _ in both)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where each of them takes clearly more time than ReLU."""
        ratios = {function: last(rows, "ratio", function=function) for function in self.functions}
        because = f"in units of ReLU's time {', '.join(f'{function} takes {ratio}' for function, ratio in ratios.items())}"
        zh = f"以 ReLU 的时间为单位，{'，'.join(f'{function} 用 {ratio:zh}' for function, ratio in ratios.items())}"
        return Verdict(all(ratio.low >= self.more for ratio in ratios.values()), because, zh)


def seconds(f: nn.Module, x: Tensor, grad: Tensor) -> float:
    """The time of one pass forward and back, weights included."""
    parameters = [x, *f.parameters()]
    start = time.perf_counter()
    torch.autograd.grad(f(x), parameters, grad)
    return time.perf_counter() - start
