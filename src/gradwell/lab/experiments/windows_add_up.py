"""How much of an image one unit sees, layer after layer of convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.rows import Row, last
from gradwell.nets.inspection import inspect


@dataclass(frozen=True)
class WindowsAddUp(Experiment):
    """A unit of a convolution sees only a small window, every further layer widens it by k - 1 pixels, and its middle counts the most.

    After l layers of k x k kernels the window is 1 + l (k - 1) pixels wide: sparse interaction in each layer, and yet deep units see far.
    What a unit really sees is taken from the gradient of the unit in the middle with respect to the image: where it is not 0. How much
    of that gradient's square lies in the middle half of the window's width tells how large the window is in effect. `gradwell inspect`,
    which follows windows by arithmetic, must come to the same width. The control's kernel is one pixel: it never sees further.
    """

    id = "windows-add-up"
    zh = "卷积的一个单元只看到一个小窗口，每多一层，窗口加宽 k - 1 个像素，而窗口的中间部分影响最大。"
    question = 2
    source = "Luo et al. 2016 (Understanding the effective receptive field in deep convolutional neural networks), arXiv 1701.04128"
    quick = {"depth": 4, "size": 13}
    control = {"kernel": 1}
    charts = (Chart("Width of what a unit sees", "layers", "width", zh="单元所见的宽度"),
              Chart("Share of the gradient in the middle half of the window", "layers", "middle", zh="窗口中间一半的梯度所占比例"))

    kernel: Annotated[int, "pixels a side, an odd number"] = 3
    depth: Annotated[int, "layers", Least(2)] = 6
    channels: Annotated[int, "channels a layer"] = 8
    size: Annotated[int, "pixels a side"] = 25
    share: Annotated[float, "of the gradient in the middle half of the width, at least"] = 0.7

    def measure(self, seed: int) -> Iterator[Row]:
        """Take the gradient of the unit in the middle after every layer."""
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for layer in range(self.depth):
            layers += [nn.Conv2d(self.channels if layer else 1, self.channels, self.kernel, padding=self.kernel // 2), nn.ReLU()]
        x = torch.randn(32, 1, self.size, self.size, requires_grad=True)
        half = self.size // 2
        y = x
        told = [layer.receptive_field for layer in inspect(nn.Sequential(*layers), x[:1].detach()).layers if layer.type == "Conv2d"]
        for count, layer in enumerate(range(0, 2 * self.depth, 2), 1):
            z = layers[layer](y)
            (g,) = torch.autograd.grad(z[:, :, half, half].square().sum(), x, retain_graph=True)
            y = layers[layer + 1](z)
            energy = g.square().sum((0, 1, 2))  # (columns,)
            seen = energy.nonzero().flatten()
            width = int(seen.max() - seen.min()) + 1
            inner = energy[half - width // 4 : half + width // 4 + 1].sum() / energy.sum()
            field = told[count - 1]
            yield {"layers": count, "width": width, "inspect": field[-1] if field else 0, "middle": float(inner)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the width grows with every layer by k - 1, as `inspect` says, and the middle half bears most of the gradient."""
        first, deep, middle = last(rows, "width", layers=1), last(rows, "width", layers=self.depth), last(rows, "middle", layers=self.depth)
        grows = all(row["width"] == 1 + int(row["layers"]) * (self.kernel - 1) == row["inspect"] for row in rows)
        because = (f"a unit sees {first} pixels across after one layer, {deep} after {self.depth}; {middle} of its gradient comes from the "
                   f"middle half of them; inspect {'says the same widths' if grows else 'says other widths'}")
        zh = (f"一层之后单元所见的宽度为 {first:zh} 像素，{self.depth} 层之后为 {deep:zh} 像素；其梯度的 {middle:zh} 来自窗口的中间一半；"
              f"inspect 给出的宽度{'与此相同' if grows else '与此不同'}")
        return Verdict(grows and deep.low > first.high and middle.low >= self.share, because, zh)
