"""How the loss changes along the gradient, with batch normalisation and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.normalised import Weights, deep, gradient, moved, norm
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.digits import digits


@dataclass(frozen=True)
class BatchnormSteadies(Experiment):
    """With batch normalisation the gradient can be trusted further: a step against it lowers the loss where without it the loss jumps up.

    At checkpoints of a training with gradient g at the weights w the loss is taken at w - r |w| g / |g|, for steps r that are relative to
    the size of the weights, so that their scale is no advantage; and the cosine between g and the gradient there. Both nets have the
    same first weights, drawn for ReLU, and the same batches; both are trained at each of the rates.
    """

    id = "batchnorm-steadies"
    zh = "有批量归一化时，梯度在更远处仍然可信：逆着梯度走一步，损失下降；没有时，同样的一步使损失猛增。"
    question = 11
    source = "Santurkar et al. 2018 (How does batch normalization help optimization?), arXiv 1805.11604"
    rules = ("GW203", "GW413")
    quick = {"updates": 30, "rates": (0.1,), "steps": (0.06,)}
    control = {"normalise": False}
    charts = (Chart("Loss after a step, relative to before", "step", "loss ratio", "net", log_x=True, log_y=True,
                    zh="走一步之后的损失，相对于之前"),
              Chart("Cosine between the gradients before and after a step", "step", "cosine", "net", log_x=True,
                    zh="一步前后两个梯度之间的余弦"))

    normalise: Annotated[bool, "batch normalisation in one of the nets"] = True
    depth: Annotated[int, "hidden layers"] = 6
    width: Annotated[int, "units a layer"] = 48
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.05, 0.2)
    steps: Annotated[tuple[float, ...], "of the weights' norm"] = (0.01, 0.03, 0.1)
    updates: Annotated[int, "updates"] = 120
    every: Annotated[int, "updates between checkpoints"] = 10
    batch: Annotated[int, "images a batch"] = 64
    steadier: Annotated[float, "times as high a loss without, more than"] = 1.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Train both nets at each rate, and look along the gradient at every checkpoint."""
        data = digits(torch.Generator().manual_seed(seed))
        for name, normalise in (("normalised", self.normalise), ("plain", False)):
            for rate in self.rates:
                torch.manual_seed(seed)
                net = deep(self.depth, self.width, nn.BatchNorm1d if normalise else None)
                weights: Weights = dict(net.named_parameters())
                chance = torch.Generator().manual_seed(seed)
                found: dict[float, list[tuple[float, float]]] = {step: [] for step in self.steps}
                for update in range(self.updates):
                    rows = torch.randint(len(data.x), (self.batch,), generator=chance)
                    x, y = data.x[rows], data.y[rows]
                    loss, g = gradient(net, weights, x, y)
                    for step in self.steps if update % self.every == 0 else ():
                        there, then = gradient(net, moved(weights, g, -step * norm(weights) / norm(g)), x, y)
                        cosine = sum(float((g[key] * then[key]).sum()) for key in g) / (norm(g) * norm(then))
                        found[step].append((there / loss, cosine))
                    weights = moved(weights, g, -rate)
                for step, pairs in found.items():
                    ratio, cosine = (median(values) for values in zip(*pairs, strict=True))
                    yield {"net": name, "rate": rate, "step": step, "loss ratio": ratio, "cosine": cosine}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where a middle step lowers the loss only with it, and any leaves the loss without more than `steadier` times as high."""
        nets, middle, first = ("normalised", "plain"), self.steps[len(self.steps) // 2], self.steps[0]
        times = over_seeds(rows, self.times)
        ratio, cosine = ([over_seeds(rows, partial(typical, what=what, net=net, step=step)) for net in nets]
                         for what, step in (("loss ratio", middle), ("cosine", first)))
        because = (f"a step of {middle:g} of the weights' norm leaves {ratio[0]} of the loss with it, {ratio[1]} without; over all rates "
                   f"and steps the loss without is at least {times} times as high; after a step of {first:g} the gradient's cosine with "
                   f"the one before is {cosine[0]} with it, {cosine[1]} without")
        zh = (f"步长为权重范数的 {middle:g} 倍时，一步之后的损失与之前之比，有批量归一化时为 {ratio[0]:zh}，没有时为 {ratio[1]:zh}；"
              f"在所有学习率和步长下，没有它时的损失至少是有它时的 {times:zh} 倍；步长为权重范数的 {first:g} 倍时，"
              f"一步之后的梯度与之前的梯度的余弦，有批量归一化时为 {cosine[0]:zh}，没有时为 {cosine[1]:zh}")
        return Verdict(ratio[0].high < 1 < ratio[1].low and times.low > self.steadier, because, zh)

    def times(self, rows: Sequence[Row]) -> float:
        """How many times as high the loss is without normalisation, at the rate and step where it is least so, of one seed."""
        places = [{"rate": rate, "step": step} for rate in self.rates for step in self.steps]
        return min(numbers(rows, "loss ratio", net="plain", **place)[0] / numbers(rows, "loss ratio", net="normalised", **place)[0]
                   for place in places)


def typical(rows: Sequence[Row], what: str, net: str, step: float) -> float:
    """The median over the rates, of one seed."""
    return median(numbers(rows, what, net=net, step=step))
