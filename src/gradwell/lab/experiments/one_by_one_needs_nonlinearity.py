"""What a second 1x1 convolution adds: nothing, unless something non-linear stands between the two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn
from torch.nn import functional

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.nets.activations import activation

CHANCE = 0.5


@dataclass(frozen=True)
class OneByOneNeedsNonlinearity(Experiment):
    """Two 1x1 convolutions in a row are one, whatever their width; with an activation between them they learn what no single one can.

    W2 (W1 x) = (W2 W1) x at each pixel. The task is an exclusive or at each pixel: is exactly one of its two channels positive? No linear
    map answers it. Both nets, with the activation and without, learn by Adam at several learning rates and are measured on new images at
    the best; the net without it is also held against the one convolution W2 W1. The control leaves the activation out of both.
    """

    id = "one-by-one-needs-nonlinearity"
    zh = "两个相连的 1x1 卷积无论多宽，都等于一个；中间加上激活函数，就能学会任何单个 1x1 卷积都学不会的东西。"
    question = 3
    source = "Lin et al. 2014 (Network in network), arXiv 1312.4400; Minsky and Papert 1969 (Perceptrons)"
    rules = ("GW104",)
    quick = {"steps": 80, "rates": (0.05,), "batch": 8, "solves": 0.85}
    control = {"active": False}
    charts = (Chart("Accuracy at each pixel", "net", "accuracy", zh="逐像素的准确率"),
              Chart("Loss while learning", "step", "loss", "net", zh="学习过程中的损失"))

    active: Annotated[bool, "activation between the two convolutions"] = True
    function: Annotated[str, "activation"] = "relu"
    hidden: Annotated[int, "channels between"] = 16
    size: Annotated[int, "pixels a side"] = 6
    batch: Annotated[int, "images a batch"] = 16
    rates: Annotated[tuple[float, ...], "learning rates"] = (0.01, 0.03, 0.1)
    steps: Annotated[int, "updates"] = 300
    solves: Annotated[float, "accuracy, at least"] = 0.95
    fails: Annotated[float, "accuracy, at most, without an activation"] = 0.75

    def measure(self, seed: int) -> Iterator[Row]:
        """Train both nets at each learning rate; measure accuracy, and how far each is from a single convolution."""
        for name, active in (("with activation", self.active), ("without", False)):
            for rate in self.rates:
                torch.manual_seed(seed)
                first, second = nn.Conv2d(2, self.hidden, 1), nn.Conv2d(self.hidden, 1, 1)
                net = nn.Sequential(first, activation(self.function).layer() if active else nn.Identity(), second)
                optimizer = torch.optim.Adam(net.parameters(), rate)
                for step in range(self.steps):
                    x, y = exclusive_or(self.batch, self.size)
                    loss = functional.binary_cross_entropy_with_logits(net(x), y)
                    optimizer.zero_grad()
                    torch.autograd.backward(loss)
                    optimizer.step()
                    if step % 25 == 0 and rate == self.rates[0]:
                        yield {"net": name, "step": step, "loss": float(loss.detach())}
                x, y = exclusive_or(10 * self.batch, self.size)
                with torch.no_grad():
                    yield {"net": name, "rate": rate, "accuracy": float(((net(x) > 0) == (y > 0.5)).float().mean()),
                           "from one": float((net(x) - fused(first, second)(x)).norm() / net(x).norm())}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the net with the activation solves the task, and the one without is a single convolution and does not."""
        with_it = over_seeds(rows, lambda some: max(numbers(some, "accuracy", net="with activation")))
        without = over_seeds(rows, lambda some: max(numbers(some, "accuracy", net="without")))
        from_one = over_seeds(rows, lambda some: max(numbers(some, "from one", net="without")))
        because = (f"accuracy {with_it} with {self.function if self.active else 'nothing'} between, {without} without; "
                   f"without, the two differ from the one convolution W2 W1 by {from_one} of their output")
        zh = (f"中间{f'用 {self.function} ' if self.active else '什么都不加'}时准确率为 {with_it:zh}，没有激活函数时为 {without:zh}；"
              f"没有时，两个卷积与单个卷积 W2 W1 相差其输出的 {from_one:zh} 倍")
        return Verdict(with_it.low >= self.solves and without.high <= self.fails and from_one.high <= 1e-4, because, zh)


def exclusive_or(images: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (images, 2, size, size), and at each pixel 1 where exactly one of the two channels is positive: (images, 1, size, size)."""
    x = torch.randn(images, 2, size, size)
    return x, ((x[:, :1] > 0) ^ (x[:, 1:] > 0)).float()


@torch.no_grad()
def fused(first: nn.Conv2d, second: nn.Conv2d) -> nn.Conv2d:
    """The one convolution that two are when nothing stands between them: W = W2 W1, b = W2 b1 + b2."""
    one = nn.Conv2d(first.in_channels, second.out_channels, 1)
    w2 = second.weight.flatten(1)
    one.weight.copy_((w2 @ first.weight.flatten(1))[:, :, None, None])
    if first.bias is not None and second.bias is not None and one.bias is not None:
        one.bias.copy_(w2 @ first.bias + second.bias)
    return one
