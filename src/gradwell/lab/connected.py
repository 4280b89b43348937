"""Three ways to connect the same units: by convolution, by a kernel for every place, or each to each."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwell.errors import OptionError

KINDS = ("convolution", "local", "dense")


class LocallyConnected(nn.Module):
    """A convolution without sharing: each place p has a kernel of its own, y_p = W_p x_window(p) + b_p.

    x (batch, inputs, size, size) -> (batch, outputs, size - kernel + 1, the same), with weights (places, outputs, inputs k k). They are
    drawn as torch draws a convolution's.
    """

    def __init__(self, inputs: int, outputs: int, size: int, kernel: int) -> None:
        super().__init__()
        self.kernel, self.side = kernel, size - kernel + 1
        fan_in = inputs * kernel**2
        self.weight = nn.Parameter(torch.empty(self.side**2, outputs, fan_in).uniform_(-(fan_in**-0.5), fan_in**-0.5))
        self.bias = nn.Parameter(torch.empty(outputs, self.side**2).uniform_(-(fan_in**-0.5), fan_in**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Images -> images without the border that a window cannot be centred on."""
        windows = functional.unfold(x, self.kernel)  # (batch, inputs k k, places)
        y = torch.einsum("bip,poi->bop", windows, self.weight) + self.bias
        return y.reshape(len(x), -1, self.side, self.side)


def connected(kind: str, inputs: int, outputs: int, size: int, kernel: int) -> nn.Module:
    """A layer of one of KINDS from (batch, inputs, size, size) to (batch, outputs, size - kernel + 1, the same).

    Raises OptionError for another kind.
    """
    side = size - kernel + 1
    if kind == "convolution":
        return nn.Conv2d(inputs, outputs, kernel)
    if kind == "local":
        return LocallyConnected(inputs, outputs, size, kernel)
    if kind == "dense":
        dense = nn.Linear(inputs * size**2, outputs * side**2)
        return nn.Sequential(nn.Flatten(), dense, nn.Unflatten(1, (outputs, side, side)))
    raise OptionError(f"units cannot be connected by {kind!r}; the kinds are {', '.join(KINDS)}")
