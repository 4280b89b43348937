"""Who still reads a digit that does not stand where it stood in training: nets with shared weights and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.connected import connected
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.fitting import accuracy, fit
from gradwell.lab.rows import Row, last, numbers, over_seeds, pick
from gradwell.lab.tasks.canvas import on_canvas
from gradwell.lab.tasks.digits import CLASSES, digits

VALIDATION = 300  # centred images that choose the learning rate


@dataclass(frozen=True)
class SharingSurvivesShifts(Experiment):
    """With shared weights and pooling over all places a net reads digits that are moved as well as centred ones; without sharing it cannot.

    A convolution commutes with shifts, and a maximum over all places forgets where it was taken: f(shift x) = f(x), as long as the image
    goes on at the other side, or in black, beyond the border. Two layers that share one kernel (convolution) or have one for each place
    (local) are followed by that maximum and a linear classifier; beside them stands a dense net with one hidden layer. All learn
    centred digits only, by Adam at several learning rates, of which centred validation images choose the best.
    """

    id = "sharing-survives-shifts"
    zh = "共享权重并对所有位置做池化的网络，识别平移后的数字与识别居中的数字一样好；不共享权重就做不到。"
    question = 2
    source = "Fukushima 1980 (Neocognitron); LeCun et al. 1998 (Gradient-based learning applied to document recognition)"
    quick = {"canvas": 10, "shift": 1, "kernel": 3, "rates": (0.03,), "steps": 60, "batch": 32, "reads": 0.15, "others": ("dense",)}
    control = {"kind": "local"}
    charts = (Chart("Accuracy on moved images, trained on centred ones", "shift", "accuracy", "layers",
                    zh="在居中图像上训练后，平移图像上的准确率"),)

    kind: Annotated[str, "of layers that should bear shifts"] = "convolution"
    others: Annotated[tuple[str, ...], "kinds of layers that should not"] = ("local", "dense")
    canvas: Annotated[int, "pixels a side"] = 12
    shift: Annotated[int, "pixels, at most"] = 2
    kernel: Annotated[int, "pixels a side, an odd number"] = 5
    channels: Annotated[int, "channels of the first layer, half of the second's"] = 4
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.01, 0.03)
    hidden: Annotated[int, "units of the dense net"] = 64
    steps: Annotated[int, "updates"] = 200
    batch: Annotated[int, "images a batch"] = 64
    reads: Annotated[float, "accuracy on centred images, at least"] = 0.8
    keeps: Annotated[float, "of its accuracy, at least, where it bears shifts"] = 0.95
    falls: Annotated[float, "of its accuracy, at most, where it does not"] = 0.7

    def measure(self, seed: int) -> Iterator[Row]:
        """Train each net on centred images, and measure it on images that are moved by more and more pixels."""
        chance = torch.Generator().manual_seed(seed)
        data = digits(chance)
        x, y = on_canvas(data.x, self.canvas, 0, chance), data.y
        moved = [on_canvas(data.test_x, self.canvas, shift, chance) for shift in range(self.shift + 1)]
        for kind in dict.fromkeys((self.kind, *self.others)):
            found = []
            for rate in self.rates:
                torch.manual_seed(seed)
                net = self.net(kind)
                fit(net, torch.optim.Adam(net.parameters(), rate), x[:-VALIDATION], y[:-VALIDATION], self.steps, self.batch,
                    torch.Generator().manual_seed(seed))
                found.append((accuracy(net, x[-VALIDATION:], y[-VALIDATION:]), rate, net))
            _, rate, net = max(found, key=lambda one: one[0])
            for shift, images in enumerate(moved):
                yield {"layers": kind, "shift": shift, "rate": rate, "accuracy": accuracy(net, images, data.test_y)}

    def net(self, kind: str) -> nn.Module:
        """Two layers of a kind, the maximum over all places, and a linear classifier; or the usual dense net."""
        if kind == "dense":
            return nn.Sequential(nn.Flatten(), nn.Linear(self.canvas**2, self.hidden), nn.ReLU(), nn.Linear(self.hidden, CLASSES))
        around, size = nn.CircularPad2d(self.kernel // 2), self.canvas + self.kernel // 2 * 2
        first = connected(kind, 1, self.channels, size, self.kernel)
        second = connected(kind, self.channels, self.channels * 2, size, self.kernel)
        return nn.Sequential(around, first, nn.ReLU(), around, second, nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(),
                             nn.Linear(self.channels * 2, CLASSES))

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where all read centred digits, one keeps at least `keeps` of that at the largest shift, the others at most `falls`."""
        kinds = dict.fromkeys((self.kind, *self.others))
        kept = {kind: over_seeds(pick(rows, layers=kind), self.kept) for kind in kinds}
        centred = {kind: last(rows, "accuracy", layers=kind, shift=0) for kind in kinds}
        because = "; ".join(f"{kind}: {centred[kind]} centred, of which {kept[kind]} is left" for kind in kinds)
        zh = "；".join(f"{kind} 居中时准确率为 {centred[kind]:zh}，平移后为其 {kept[kind]:zh} 倍" for kind in kinds)
        holds = (all(centred[kind].low >= self.reads for kind in kinds) and kept[self.kind].low >= self.keeps
                 and all(kept[kind].high <= self.falls for kind in self.others))
        return Verdict(holds, f"moved by {self.shift} pixels, {because}", f"平移 {self.shift} 个像素：{zh}")

    def kept(self, rows: Sequence[Row]) -> float:
        """Share of the accuracy on centred images that is left at the largest shift, of one seed and kind."""
        return numbers(rows, "accuracy", shift=self.shift)[0] / numbers(rows, "accuracy", shift=0)[0]
