"""Convolution blocks that are small because of 1x1 convolutions: fewer channels before the wide kernel, more after it.

A k x k convolution from C to D channels has k k C D weights. A 1x1 convolution mixes channels at each place for C D of them, so
wide kernels can work on few channels (a bottleneck) or on each channel alone (depthwise).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvBlock(nn.Sequential):
    """A convolution, batch normalisation and ReLU: y = max(0, BN(W * x)); the size stays, divided by the stride.

    x (batch, inputs, height, width) -> y (batch, outputs, height / stride, width / stride). The convolution has no bias, as the
    normalisation takes its mean away (Ioffe and Szegedy 2015).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, active: bool = True) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), *([nn.ReLU()] if active else []))


class Bottleneck(nn.Module):
    """A 1x1 convolution to few channels, a k x k one on these, a 1x1 one back, and the input added (He et al. 2016).

    y = max(0, x + expand(middle(squeeze(x)))), x and y (batch, channels, height, width). With M channels in the middle the kernels have
    2 C M + k k M M weights; for k = 3 and M = C / 4 that is 1.06 C^2, where the plain convolution has 9 C^2.
    """

    def __init__(self, channels: int, middle: int, kernel: int = 3) -> None:
        super().__init__()
        self.squeeze = ConvBlock(channels, middle, 1)
        self.middle = ConvBlock(middle, middle, kernel)
        self.expand = ConvBlock(middle, channels, 1, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) -> the same."""
        y: Tensor = self.expand(self.middle(self.squeeze(x)))
        return torch.relu(x + y)


class Fire(nn.Module):
    """A 1x1 convolution to few channels, then 1x1 and k x k convolutions of these side by side (SqueezeNet, Iandola et al. 2016).

    y = [wide(s), deep(s)] with s = squeeze(x): (batch, inputs, height, width) -> (batch, outputs, height, width), half of the outputs
    from each.
    """

    def __init__(self, inputs: int, squeezed: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.squeeze = ConvBlock(inputs, squeezed, 1)
        self.point = ConvBlock(squeezed, outputs // 2, 1)
        self.wide = ConvBlock(squeezed, outputs - outputs // 2, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, height, width) -> (batch, outputs, height, width)."""
        s = self.squeeze(x)
        return torch.cat((self.point(s), self.wide(s)), dim=1)


class DepthwiseSeparable(nn.Sequential):
    """A k x k convolution of each channel by itself, then a 1x1 one that mixes channels (MobileNet, Howard et al. 2017).

    (batch, inputs, height, width) -> (batch, outputs, height / stride, width / stride), with k k C + C D weights instead of k k C D.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(ConvBlock(inputs, inputs, kernel, stride, groups=inputs), ConvBlock(inputs, outputs, 1))
