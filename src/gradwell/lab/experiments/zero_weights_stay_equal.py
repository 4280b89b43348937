"""Whether units that begin equal ever become different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gradwell.lab.descent import descend
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import network
from gradwell.lab.rows import Row, last, numbers, over_seeds
from gradwell.lab.tasks.digits import CLASSES, digits


@dataclass(frozen=True)
class ZeroWeightsStayEqual(Experiment):
    """Hidden units that begin with equal weights, zero or any other number, stay equal through training, so a layer of them is worth one.

    Two units with equal weights, into them and out of them, have equal outputs and equal deltas, hence equal gradients at every step. The
    rank of the first layer's weights stays 1 or 0. Equal weights of zero do not even begin: with f(0) = 0, as for tanh and ReLU, no
    gradient comes through and only the last bias learns. A little chance in the first weights is all it takes to part them.
    """

    id = "zero-weights-stay-equal"
    zh = "隐藏单元若以相同的权重开始（零或任何其他数），在训练中会一直相同，所以一层这样的单元只抵得上一个。"
    question = 13
    source = "Rumelhart, Hinton and Williams 1986 (the problem of symmetry breaking); Goodfellow, Bengio and Courville 2016, section 8.4"
    rules = ("GW501",)
    quick = {"examples": 100, "hidden": 8, "steps": 60}
    control = {"chance": 0.1}
    charts = (Chart("How many of the hidden units are different", "step", "different", by="start", zh="互不相同的隐藏单元个数"),
              Chart("Loss while training", "step", "loss", by="start", zh="训练过程中的损失"))

    function: Annotated[str, "activation"] = "tanh"
    values: Annotated[tuple[float, ...], "that all first weights have, one net for each"] = (0.0, 0.05, 0.5)
    chance: Annotated[float, "standard deviation of what is added to each first weight"] = 0.0
    apart: Annotated[float, "standard deviation of the random weights beside which all this is shown"] = 0.1
    hidden: Annotated[int, "hidden units"] = 16
    rate: Annotated[float, "learning rate"] = 0.3
    steps: Annotated[int, "steps"] = 300
    examples: Annotated[int, "examples"] = 300
    equal: Annotated[float, "of their size, at most, by which equal units differ"] = 1e-6

    def measure(self, seed: int) -> Iterator[Row]:
        """Train from each start; count the units that differ from each other in what they read or in what they say."""
        images = digits(torch.Generator().manual_seed(seed))
        x, y = images.x[:self.examples].flatten(1).double(), images.y[:self.examples]
        for start, value, chance in (*((f"all {value:g}", value, self.chance) for value in self.values), ("random", 0.0, self.apart)):
            torch.manual_seed(seed)
            net = network(self.function, x.shape[1], self.hidden, CLASSES).double()
            for parameter in net.parameters():
                nn.init.zeros_(parameter)
            below, above = (layer.weight for layer in net if isinstance(layer, nn.Linear))
            for weight in (below, above):
                nn.init.normal_(weight, value, chance)
            for step, loss in enumerate(descend(net, cross_entropy, x, y, self.rate, self.steps)):
                if step % max(1, self.steps // 20) == 0:
                    units = torch.cat([below.detach(), above.detach().T], 1)
                    yield {"start": start, "step": step, "loss": loss, "different": different(units, self.equal),
                           "rank": int(torch.linalg.matrix_rank(below.detach(), rtol=self.equal))}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where from no start more than one unit is different, at any step."""
        equal = [row for row in rows if row["start"] != "random"]
        most = over_seeds(equal, lambda some: max(numbers(some, "different")))
        rank = over_seeds(equal, lambda some: max(numbers(some, "rank")))
        loss = over_seeds(equal, lambda some: min(numbers(some, "loss")))
        random = last(rows, "loss", start="random")
        because = (f"of {self.hidden} hidden units at most {most} are different, and the rank of their weights is at most {rank}; "
                   f"the lowest loss is {loss}, and {random} from random weights")
        zh = (f"{self.hidden} 个隐藏单元中最多 {most:zh} 个互不相同，其权重的秩最多为 {rank:zh}；"
              f"最低损失为 {loss:zh}，从随机权重出发时为 {random:zh}")
        return Verdict(most.high <= 1, because, zh)


def different(units: Tensor, equal: float) -> int:
    """How many rows are left when of those that are equal only one is kept."""
    kept: list[Tensor] = []
    for unit in units:
        if not any((unit - other).norm() <= equal * other.norm() for other in kept):
            kept.append(unit)
    return len(kept)
