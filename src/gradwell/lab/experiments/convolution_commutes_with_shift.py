"""Whether it matters if an image is shifted before a layer or after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.connected import KINDS, connected
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds, pick

DIGITS = 12  # beyond them is rounding, which depends on where numbers lie in memory


@dataclass(frozen=True)
class ConvolutionCommutesWithShift(Experiment):
    """What a convolution makes of a shifted image is what it makes of the image, shifted, because the same kernel stands at every place.

    f(shift x) = shift f(x), exactly, where the image goes on at the other side (circular padding): at a border of zeros it is so only
    away from the border. A locally connected layer has the same windows but a kernel for each place, a dense layer has no windows; for
    neither it holds. The error is |f(shift x) - shift f(x)| relative to |f(x)|, for random weights and images.
    """

    id = "convolution-commutes-with-shift"
    zh = "先平移图像再卷积，与先卷积再平移，结果相同，因为每个位置上都是同一个卷积核。"
    question = 2
    source = "Goodfellow et al. 2016 (Deep learning), section 9.2; Cohen and Welling 2016, arXiv 1602.07576"
    quick = {"size": 8, "images": 4}
    control = {"kind": "local"}
    charts = (Chart("Error of shifting after instead of before", "shift", "error", "layer", zh="用后平移代替先平移的误差"),)

    kind: Annotated[str, "of layer"] = "convolution"
    size: Annotated[int, "pixels a side"] = 12
    kernel: Annotated[int, "pixels a side, an odd number"] = 3
    channels: Annotated[int, "output channels"] = 4
    images: Annotated[int, "images"] = 16
    exact: Annotated[float, "relative error, at most"] = 1e-12
    wrong: Annotated[float, "relative error, at least, without sharing"] = 0.1

    def measure(self, seed: int) -> Iterator[Row]:
        """Shift by every number of columns, before and after each kind of layer."""
        torch.manual_seed(seed)
        x = torch.randn(self.images, 1, self.size, self.size, dtype=torch.float64)
        around = nn.CircularPad2d(self.kernel // 2)
        for kind in dict.fromkeys((self.kind, *KINDS)):
            f = nn.Sequential(around, connected(kind, 1, self.channels, self.size + 2 * (self.kernel // 2), self.kernel).double())
            with torch.no_grad():
                for shift in range(1, self.size):
                    before, after = f(x.roll(shift, 3)), f(x).roll(shift, 3)
                    yield {"layer": kind, "shift": shift, "error": round(float((before - after).norm() / after.norm()), DIGITS)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the error is nothing but rounding at every shift, and is not for the layers without sharing."""
        error = {kind: over_seeds(pick(rows, layer=kind), lambda some: max(numbers(some, "error"))) for kind in (self.kind, *KINDS)}
        because = ", ".join(f"{error[kind]} for the {kind} layer" for kind in error)
        zh = "，".join(f"{kind} 层为 {error[kind]:zh}" for kind in error)
        others = (error[kind].low >= self.wrong for kind in ("local", "dense"))
        holds = error[self.kind].high <= self.exact and all(others)
        return Verdict(holds, f"the largest relative error is {because}", f"最大的相对误差：{zh}")
