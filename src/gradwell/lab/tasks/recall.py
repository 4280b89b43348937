"""The recall task: the first number of a sequence is asked for at its end, behind numbers that do not matter.

It is the adding task at its barest (Hochreiter and Schmidhuber 1997, section 5.4): a number, not one bit. A bit can be kept by falling
into one of two states, which Bengio, Simard and Frasconi 1994 call latching, and which a plain network may find by chance; of a
number that gives the sign alone, which leaves a quarter of its variance.
"""

from __future__ import annotations

import torch
from torch import Tensor


def recall(count: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences (count, length, 2): the number in the first channel at the first step, noise in the second at all; numbers (count, 1)."""
    number = (torch.rand(count, 1, generator=generator) * 2 - 1) * 3**0.5
    x = torch.zeros(count, length, 2)
    x[:, 0, 0] = number[:, 0]
    x[:, :, 1] = torch.randn(count, length, generator=generator)
    return x, number
