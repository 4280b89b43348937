"""What a 1x1 convolution is: the same linear map at every pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, last, pick

DIGITS = 12  # beyond them is rounding, which depends on where numbers lie in memory


@dataclass(frozen=True)
class OneByOneIsLinearPerPixel(Experiment):
    """A 1x1 convolution is one linear map of the channels at each pixel: it changes how many channels there are, and mixes no pixels.

    y[:, i, j] = W x[:, i, j] + b, so height and width stay and W (outputs x inputs) is all it has. The map is not taken from the layer
    but found by least squares from what goes in and comes out at each pixel; what it leaves unexplained is |y - W x - b| / |y|. The
    gradient of one output pixel tells which input pixels it depends on. A kernel of 3x3 sees neighbours, which no map of the pixel's own
    channels can explain.
    """

    id = "one-by-one-is-linear-per-pixel"
    zh = "1x1 卷积是在每个像素上对通道做同一个线性映射：它改变通道数，不混合像素。"
    question = 3
    source = "Lin et al. 2014 (Network in network), arXiv 1312.4400"
    quick = {"images": 4, "size": 6}
    control = {"kernel": 3}
    charts = (Chart("Left unexplained by one linear map for all pixels", "kernel size", "unexplained",
                    zh="所有像素共用一个线性映射时未能解释的部分"),)

    kernel: Annotated[int, "pixels a side, an odd number"] = 1
    inputs: Annotated[int, "channels"] = 12
    outputs: Annotated[int, "channels"] = 5
    size: Annotated[int, "pixels a side"] = 10
    images: Annotated[int, "images"] = 16
    exact: Annotated[float, "of the output unexplained, at most"] = 1e-9

    def measure(self, seed: int) -> Iterator[Row]:
        """Fit a linear map to all pixels of a convolution's input and output, for the kernel and for two wider ones."""
        for kernel in (self.kernel, self.kernel + 2, self.kernel + 4):
            torch.manual_seed(seed)
            x = torch.randn(self.images, self.inputs, self.size, self.size, dtype=torch.float64, requires_grad=True)
            y = nn.Conv2d(self.inputs, self.outputs, kernel, padding=kernel // 2).double()(x)
            middle = self.size // 2
            (seen,) = torch.autograd.grad(y[0, :, middle, middle].sum(), x, retain_graph=True)
            pixels, made = (t.detach().movedim(1, -1).flatten(0, 2) for t in (x, y))  # (pixels of all images, channels)
            ones = torch.cat([pixels, torch.ones(len(pixels), 1, dtype=torch.float64)], dim=1)
            left = made - ones @ torch.linalg.lstsq(ones, made).solution
            yield {"kernel size": f"{kernel}x{kernel}", "unexplained": round(float(left.norm() / made.norm()), DIGITS),
                   "pixels seen": int((seen[0] != 0).any(0).sum()), "channels": y.shape[1], "size kept": y.shape[2:] == x.shape[2:]}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where one map explains every pixel, each output pixel depends on one input pixel, and the size is the same."""
        name = f"{self.kernel}x{self.kernel}"
        wider = f"{self.kernel + 2}x{self.kernel + 2}"
        own = pick(rows, **{"kernel size": name})
        unexplained, seen = last(own, "unexplained"), last(own, "pixels seen")
        other = last(pick(rows, **{"kernel size": wider}), "unexplained")
        because = (f"one linear map from {self.inputs} to {self.outputs} channels leaves {unexplained} of a {name} convolution "
                   f"unexplained, {other} of a {wider} one; an output pixel depends on {seen} input pixel{'s' if seen.high > 1 else ''}")
        zh = (f"一个从 {self.inputs} 到 {self.outputs} 通道的线性映射，对 {name} 卷积未能解释的部分占 {unexplained:zh}，"
              f"对 {wider} 卷积占 {other:zh}；一个输出像素依赖 {seen:zh} 个输入像素")
        kept = all(row["size kept"] and row["channels"] == self.outputs for row in own)
        return Verdict(kept and seen.high == 1 and unexplained.high <= self.exact, because, zh)
