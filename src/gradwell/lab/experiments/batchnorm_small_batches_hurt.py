"""What batch normalisation does with batches so small that their statistics are noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.fitting import accuracy, fit
from gradwell.lab.knobs import Least
from gradwell.lab.normalised import deep
from gradwell.lab.rows import Row, numbers, over_seeds, pick
from gradwell.lab.tasks.digits import digits

VALIDATION = 300  # images that choose the learning rate
NETS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


@dataclass(frozen=True)
class BatchnormSmallBatchesHurt(Experiment):
    """Trained with batches of two, a net with batch normalisation errs more than one with layer normalisation; with large ones it does not.

    The mean of B examples is off by 1/sqrt(B) standard deviations, their variance by sqrt(2/B) of itself, and with two examples each unit
    is left with a sign: (z1 - z2) / |z1 - z2|. What is learned with such statistics is evaluated with the running ones. Layer
    normalisation takes its statistics of one example, so nothing but the gradient's own noise changes with B. Both learn from the same
    batches, as many updates for each B, at several rates, of which validation images choose the best.
    """

    id = "batchnorm-small-batches-hurt"
    zh = "以每批两个样本训练时，用批量归一化的网络比用层归一化的网络错得更多；批次大时则不然。"
    question = 11
    source = "Ioffe 2017 (Batch renormalization), arXiv 1702.03275; Wu and He 2018 (Group normalization), arXiv 1803.08494"
    rules = ("GW503", "GW504")
    quick = {"steps": 120, "rates": (0.02,), "depth": 2, "large": 24, "more": 0.15}
    control = {"small": 48}
    charts = (Chart("Error on test images after training with batches of this size", "batch", "error", "normalisation", log_x=True,
                    zh="以该批次大小训练之后，在测试图像上的错误率"),)

    small: Annotated[int, "images a batch", Least(2)] = 2
    large: Annotated[int, "images a batch", Least(2)] = 32
    depth: Annotated[int, "hidden layers"] = 3
    width: Annotated[int, "units a layer"] = 48
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.02, 0.05, 0.15)
    steps: Annotated[int, "updates"] = 300
    more: Annotated[float, "of error, at least, with small batches"] = 0.02

    def measure(self, seed: int) -> Iterator[Row]:
        """Train with both normalisations at both batch sizes and each learning rate; evaluate."""
        data = digits(torch.Generator().manual_seed(seed))
        x, y, own_x, own_y = data.x[:-VALIDATION], data.y[:-VALIDATION], data.x[-VALIDATION:], data.y[-VALIDATION:]
        for batch in dict.fromkeys((self.small, self.large)):
            for name, normalisation in NETS.items():
                for rate in self.rates:
                    torch.manual_seed(seed)
                    net = deep(self.depth, self.width, normalisation)
                    fit(net, torch.optim.SGD(net.parameters(), rate), x, y, self.steps, batch, torch.Generator().manual_seed(seed))
                    yield {"normalisation": name, "batch": batch, "rate": rate, "validation": 1 - accuracy(net, own_x, own_y),
                           "error": 1 - accuracy(net, data.test_x, data.test_y)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where batch normalisation errs by `more` than layer normalisation with small batches, and by less with large ones."""
        sizes = (self.small, self.large)
        error = {(name, batch): over_seeds(rows, partial(best, name=name, batch=batch)) for name in NETS for batch in sizes}
        more = {batch: over_seeds(rows, partial(difference, batch=batch)) for batch in sizes}
        because = "; ".join(f"with batches of {batch} the error is {error['batch', batch]} with batch normalisation, "
                            f"{error['layer', batch]} with layer normalisation, {more[batch]} more" for batch in sizes)
        zh = "；".join(f"每批 {batch} 个样本时，批量归一化的错误率为 {error['batch', batch]:zh}，"
                       f"层归一化的为 {error['layer', batch]:zh}，前者高 {more[batch]:zh}" for batch in sizes)
        return Verdict(more[self.small].low >= self.more and more[self.large].high < self.more, because, zh)


def difference(rows: Sequence[Row], batch: int) -> float:
    """By how much batch normalisation errs more than layer normalisation, of one seed."""
    return best(rows, "batch", batch) - best(rows, "layer", batch)


def best(rows: Sequence[Row], name: str, batch: int) -> float:
    """The test error at the learning rate that the validation images chose, of one seed."""
    return numbers(sorted(pick(rows, normalisation=name, batch=batch), key=lambda row: float(row["validation"])), "error")[0]
