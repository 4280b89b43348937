"""Whether units that are dead to ReLU come back with a slope below zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import dead, network
from gradwell.lab.rows import Row, last, numbers, over_seeds
from gradwell.lab.tasks.digits import CLASSES, digits


@dataclass(frozen=True)
class LeakyKeepsAlive(Experiment):
    """Where every hidden unit is dead to ReLU, a net learns again with LeakyReLU, PReLU or RReLU under Adam, and units come back.

    Below zero f' is 0 with ReLU, 1/a with LeakyReLU, learned with PReLU, drawn at random with RReLU. A bias of -2 puts every unit below
    zero for every example. Under ReLU only the last bias learns, how often each class occurs. Adam makes up for how small the gradient is;
    `small-slope-hardly-revives` shows what happens without it.
    """

    id = "leaky-keeps-alive"
    zh = "隐藏单元在 ReLU 下全部死亡时，换用 LeakyReLU、PReLU 或 RReLU，以 Adam 训练，网络便又能学习，单元也会复活。"
    question = 10
    source = "Maas et al. 2013; He et al. 2015 (arXiv 1502.01852); Xu et al. 2015 (arXiv 1505.00853)"
    rules = ("GW101",)
    quick = {"examples": 100, "hidden": 16, "steps": 150, "functions": ("leaky_relu", "rrelu"), "rate": 0.02}
    control = {"functions": ("relu",)}
    charts = (Chart("Loss while training", "step", "loss", by="function", log_y=True, zh="训练过程中的损失"),
              Chart("Share of units that are above zero for no example", "step", "dead", by="function",
                    zh="对任何样本都不大于零的单元所占比例"))

    functions: Annotated[tuple[str, ...], "activations"] = ("leaky_relu", "prelu", "rrelu")
    bias: Annotated[float, "taken off each hidden unit at the start"] = 2.0
    hidden: Annotated[int, "hidden units"] = 32
    rate: Annotated[float, "learning rate of Adam"] = 0.01
    steps: Annotated[int, "steps"] = 400
    examples: Annotated[int, "examples"] = 300
    learned: Annotated[float, "of the loss at the start, at most, where the net learns again"] = 0.5
    alive: Annotated[float, "of the units, at least, that come back"] = 0.1

    def measure(self, seed: int) -> Iterator[Row]:
        """Train nets whose units begin dead; ReLU is measured beside the others."""
        images = digits(torch.Generator().manual_seed(seed))
        x, y = images.x[:self.examples].flatten(1), images.y[:self.examples]
        for function in dict.fromkeys((*self.functions, "relu")):
            torch.manual_seed(seed)
            net = network(function, x.shape[1], self.hidden, CLASSES).train()  # in which RReLU draws
            first = net[0]
            assert isinstance(first, nn.Linear)
            nn.init.constant_(first.bias, -self.bias)
            optimizer = torch.optim.Adam(net.parameters(), self.rate)
            for step in range(self.steps + 1):
                loss = cross_entropy(net(x), y)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                if step % max(1, self.steps // 20) == 0:
                    assert first.weight.grad is not None
                    yield {"function": function, "step": step, "loss": float(loss.detach()), "dead": dead(net, x),
                           "gradient": float(first.weight.grad.norm())}
                optimizer.step()

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where with each activation all units begin dead, the loss falls to so much of its start, and units come back."""
        told, zh, holds = [], [], True
        for function in dict.fromkeys((*self.functions, "relu")):
            some = [row for row in rows if row["function"] == function]
            begun = over_seeds(some, lambda one: numbers(one, "dead")[0])
            left = over_seeds(some, lambda one: numbers(one, "loss")[-1] / numbers(one, "loss")[0])
            gradient, end = over_seeds(some, lambda one: numbers(one, "gradient")[0]), last(some, "dead")
            told.append(f"{function}: {begun} of the units dead at the start with a gradient of {gradient}, {end} at the end, "
                        f"{left} of the loss is left")
            zh.append(f"{function}：开始时死亡单元占 {begun:zh}，梯度为 {gradient:zh}，结束时占 {end:zh}，损失剩下开始时的 {left:zh}")
            if function in self.functions:
                holds &= begun.low == 1 and left.high <= self.learned and 1 - end.high >= self.alive
        return Verdict(holds, "; ".join(told), "；".join(zh))
