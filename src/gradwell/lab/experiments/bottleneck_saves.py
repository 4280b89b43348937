"""What a bottleneck of 1x1 convolutions saves, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.fitting import accuracy, fit
from gradwell.lab.rows import Row, over_seeds, pick
from gradwell.lab.tasks.digits import CLASSES, SIZE, digits
from gradwell.nets.conv import Bottleneck, ConvBlock
from gradwell.nets.inspection import inspect

VALIDATION = 300  # images that choose the learning rate


class Plain(nn.Module):
    """What the bottleneck stands for: y = max(0, x + BN(W * x)), W a k x k kernel between all channels."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.wide = ConvBlock(channels, channels, kernel, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) -> the same."""
        return torch.relu(x + self.wide(x))


@dataclass(frozen=True)
class BottleneckSaves(Experiment):
    """A bottleneck of 1x1 convolutions takes an eighth of the parameters and FLOPs of the plain 3x3 convolution, and hardly any accuracy.

    With C channels outside and M inside a bottleneck has 2 C M + k k M M weights, a plain convolution k k C C: for k = 3 and M = C / 4
    that is 1.06 C^2 against 9 C^2. Both have the input added, stand in the same net, and learn digits by Adam at several learning rates,
    of which validation images choose the best. FLOPs are counted while the block runs. The control squeezes nothing: M = C.
    """

    id = "bottleneck-saves"
    zh = "由 1x1 卷积构成的瓶颈结构，参数和 FLOPs 只有普通 3x3 卷积的八分之一，准确率几乎没有下降。"
    question = 3
    source = "He et al. 2016 (Deep residual learning for image recognition), arXiv 1512.03385; Lin et al. 2014, arXiv 1312.4400"
    quick = {"steps": 12, "rates": (0.01,), "batch": 32, "loses": 0.5}
    control = {"ratio": 1}
    charts = (Chart("Parameters of the block's convolutions", "block", "parameters", zh="模块中各卷积的参数个数"),
              Chart("Accuracy on test images", "rate", "accuracy", "block", log_x=True, zh="在测试图像上的准确率"))

    ratio: Annotated[int, "times fewer channels inside"] = 4
    channels: Annotated[int, "channels outside"] = 16
    kernel: Annotated[int, "pixels a side, an odd number"] = 3
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.01, 0.03)
    steps: Annotated[int, "updates"] = 150
    batch: Annotated[int, "images a batch"] = 48
    fewer: Annotated[float, "times, at least, in parameters and FLOPs"] = 8.0
    loses: Annotated[float, "of accuracy, at most"] = 0.03

    def measure(self, seed: int) -> Iterator[Row]:
        """Train a net with one block of each kind at each learning rate; count what each block's convolutions hold and cost."""
        data = digits(torch.Generator().manual_seed(seed))
        x, y, own_x, own_y = data.x[:-VALIDATION], data.y[:-VALIDATION], data.x[-VALIDATION:], data.y[-VALIDATION:]
        for name in ("plain", "bottleneck"):
            for rate in self.rates:
                torch.manual_seed(seed)
                block = Plain(self.channels, self.kernel) if name == "plain" else Bottleneck(
                    self.channels, max(1, self.channels // self.ratio), self.kernel)
                net = nn.Sequential(ConvBlock(1, self.channels, self.kernel), block, nn.AvgPool2d(2), nn.Flatten(),
                                    nn.Linear(self.channels * (SIZE // 2) ** 2, CLASSES))
                fit(net, torch.optim.Adam(net.parameters(), rate), x, y, self.steps, self.batch, torch.Generator().manual_seed(seed))
                inside = [layer for layer in inspect(block, (self.channels, SIZE, SIZE)).layers if layer.type == "Conv2d"]
                yield {"block": name, "rate": rate, "parameters": sum(layer.parameters for layer in inside),
                       "flops": sum(layer.flops for layer in inside), "validation": accuracy(net, own_x, own_y),
                       "accuracy": accuracy(net, data.test_x, data.test_y)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the block is at least `fewer` times smaller and cheaper, and the accuracy lost is at most `loses`."""
        fewer, cheaper = (over_seeds(rows, partial(saving, what=what)) for what in ("parameters", "flops"))
        count, found = ([over_seeds(rows, partial(best, block=name, what=what)) for name in ("bottleneck", "plain")]
                        for what in ("parameters", "accuracy"))
        lost = over_seeds(rows, lambda some: best(some, "plain", "accuracy") - best(some, "bottleneck", "accuracy"))
        because = (f"{count[0]} parameters with the bottleneck, {count[1]} without, {fewer} times fewer, and {cheaper} times fewer FLOPs; "
                   f"accuracy {found[0]} with it, {found[1]} without, {lost} lost")
        zh = (f"有瓶颈时参数为 {count[0]:zh} 个，没有时为 {count[1]:zh} 个，后者是前者的 {fewer:zh} 倍，FLOPs 是前者的 {cheaper:zh} 倍；"
              f"准确率有瓶颈时为 {found[0]:zh}，没有时为 {found[1]:zh}，下降 {lost:zh}")
        return Verdict(min(fewer.low, cheaper.low) >= self.fewer and lost.high <= self.loses, because, zh)


def saving(rows: Sequence[Row], what: str) -> float:
    """How many times fewer parameters or FLOPs the bottleneck has, of one seed."""
    return best(rows, "plain", what) / best(rows, "bottleneck", what)


def best(rows: Sequence[Row], block: str, what: str) -> float:
    """A number at the learning rate that the validation images chose, of one seed."""
    return float(max(pick(rows, block=block), key=lambda row: float(row["validation"]))[what])
