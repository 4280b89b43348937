"""The networks: a compact convolutional one with bottlenecks, and a multilayer perceptron to compare it with."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gradwell.nets.conv import Bottleneck, ConvBlock
from gradwell.vision.options import Options

LAST_SIDE = 7  # pixels; the maps are halved until they are about as small as this


class Standardize(nn.Module):
    """Pixels from 0 to 255 become numbers of mean 0 and variance 1 in each channel: (batch, channels, height, width)."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised pixels, channels last in memory, as CPU and GPU convolve faster so."""
        return ((x / 255 - self.mean) / self.std).contiguous(memory_format=torch.channels_last)


class Judge(nn.Module):
    """A network with the softmax after it; with `mirrored`, the mean for each image and its mirror image."""

    def __init__(self, model: nn.Module, mirrored: bool) -> None:
        super().__init__()
        self.model, self.mirrored = model, mirrored

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (batch, channels, height, width), bytes from 0 to 255 -> probabilities (batch, classes)."""
        probabilities: Tensor = self.model(pixels.float()).float().softmax(1)
        return (probabilities + self.model(pixels.flip(3).float()).float().softmax(1)) / 2 if self.mirrored else probabilities


def network(options: Options, shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Pixels (batch, channels, height, width), 0 to 255 -> scores of the classes before softmax (batch, classes)."""
    body = compact(options, shape) if options.network == "compact" else mlp(options, shape)
    return channels_last(nn.Sequential(Standardize(shape[0]), *body, nn.Linear(outputs(body), classes)))


def channels_last(model: nn.Sequential) -> nn.Sequential:
    """The same network with its kernels in the layout that is convolved fastest."""
    for weight in model.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return model


def compact(options: Options, shape: tuple[int, int, int]) -> list[nn.Module]:
    """A first convolution, then stages of half the side each: a wider 3 x 3 convolution and a bottleneck that is added to its input."""
    channels, *sides = shape
    width = options.width
    layers: list[nn.Module] = [ConvBlock(channels, width)]
    for stage in range(1, max(1, round(math.log2(min(sides) / LAST_SIDE))) + 1):
        out = (stage + 1) * width
        layers += [nn.MaxPool2d(2, ceil_mode=True), ConvBlock(stage * width, out), Bottleneck(out, out // 2)]
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(options.dropout)]


def mlp(options: Options, shape: tuple[int, int, int]) -> list[nn.Module]:
    """Two hidden layers, normalised, that see the image as a row of numbers."""
    inputs, hidden = math.prod(shape), 8 * options.width
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(2):
        layers += [nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(options.dropout)]
        inputs = hidden
    return layers


def outputs(body: list[nn.Module]) -> int:
    """How many numbers the body gives for each image."""
    return next(module.num_features for layer in reversed(body) for module in reversed([*layer.modules()])
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d))
