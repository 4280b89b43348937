"""How many weights a layer needs for the same units and the same accuracy: a convolution, a locally connected and a dense layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.connected import KINDS, connected
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.fitting import accuracy, fit
from gradwell.lab.rows import Row, over_seeds, pick
from gradwell.lab.tasks.digits import CLASSES, SIZE, digits
from gradwell.nets.inspection import inspect

VALIDATION = 300  # images that choose the learning rate


@dataclass(frozen=True)
class ConvolutionNeedsFewerParameters(Experiment):
    """A convolution reads digits about as well as a dense layer between the same units, with less than a hundredth of its parameters.

    From n units to P places of C channels: dense n P C + P C parameters; a window of k x k for each place leaves (k k + 1) P C (sparse
    interaction), one kernel for all places (k k + 1) C (parameter sharing). Each is a hidden layer between the same pixels and the same
    linear classifier, trained by Adam at several learning rates, of which validation images choose the best. The control's
    kernel is as large as the image: one place, nothing is shared and nothing sparse.
    """

    id = "convolution-needs-fewer-parameters"
    zh = "卷积层识别数字的效果与相同单元之间的全连接层相近，而参数不到后者的百分之一。"
    question = 2
    source = "LeCun et al. 1989 (Backpropagation applied to handwritten zip code recognition); Goodfellow et al. 2016, section 9.2"
    quick = {"steps": 50, "channels": 8, "rates": (0.01,), "loses": 0.2}
    control = {"kernel": SIZE}
    charts = (Chart("Parameters of the layer", "layer", "parameters", log_y=True, zh="该层的参数个数"),
              Chart("Accuracy on test images", "rate", "accuracy", "layer", log_x=True, zh="在测试图像上的准确率"))

    kernel: Annotated[int, "pixels a side"] = 3
    channels: Annotated[int, "output channels"] = 16
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.003, 0.01, 0.03)
    steps: Annotated[int, "updates"] = 300
    batch: Annotated[int, "images a batch"] = 64
    fewer: Annotated[float, "times, at least"] = 100.0
    loses: Annotated[float, "of accuracy, at most"] = 0.02

    def measure(self, seed: int) -> Iterator[Row]:
        """Train a net with each kind of layer at each learning rate; count the layer's parameters and connections."""
        data = digits(torch.Generator().manual_seed(seed))
        x, y, own_x, own_y = data.x[:-VALIDATION], data.y[:-VALIDATION], data.x[-VALIDATION:], data.y[-VALIDATION:]
        places = (SIZE - self.kernel + 1) ** 2
        for kind in KINDS:
            for rate in self.rates:
                torch.manual_seed(seed)
                layer = connected(kind, 1, self.channels, SIZE, self.kernel)
                net = nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Linear(self.channels * places, CLASSES))
                fit(net, torch.optim.Adam(net.parameters(), rate), x, y, self.steps, self.batch, torch.Generator().manual_seed(seed))
                yield {"layer": kind, "rate": rate, "parameters": inspect(layer, data.x[:1]).parameters,
                       "validation": accuracy(net, own_x, own_y), "accuracy": accuracy(net, data.test_x, data.test_y)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where dense / convolution is at least `fewer` in parameters, and the accuracy lost at most `loses`."""
        count, found = ({kind: over_seeds(rows, partial(best, kind=kind, what=what)) for kind in KINDS}
                        for what in ("parameters", "accuracy"))
        lost = over_seeds(rows, lambda some: best(some, "dense", "accuracy") - best(some, "convolution", "accuracy"))
        fewer = over_seeds(rows, lambda some: best(some, "dense", "parameters") / best(some, "convolution", "parameters"))
        said = "; ".join(f"{kind}: {count[kind]} parameters, accuracy {found[kind]}" for kind in KINDS)
        because = f"{said}. The convolution has {fewer} times fewer parameters than the dense layer, and {lost} of accuracy is lost"
        said_zh = "；".join(f"{kind}：{count[kind]:zh} 个参数，准确率 {found[kind]:zh}" for kind in KINDS)
        zh = f"{said_zh}。dense 层的参数是 convolution 层的 {fewer:zh} 倍，准确率下降 {lost:zh}"
        return Verdict(fewer.low >= self.fewer and lost.high <= self.loses, because, zh)


def best(rows: Sequence[Row], kind: str, what: str) -> float:
    """A number at the learning rate that the validation images chose, of one seed."""
    return float(max(pick(rows, layer=kind), key=lambda row: float(row["validation"]))[what])
