"""The adding task: of a long sequence of numbers two are marked, and their sum is asked for at the end.

Hochreiter and Schmidhuber 1997 (Long short-term memory), section 5.4: a network that cannot carry a number from the first half to the
end does no better than to answer 1, the mean, whose squared error is 1/6.
"""

from __future__ import annotations

import torch
from torch import Tensor

TRIVIAL = 1 / 6  # squared error of the answer 1: the variance of the sum of two numbers from [0, 1]


def adding(count: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences (count, length, 2) of numbers from [0, 1] and marks, one mark in each half; and the sums (count, 1)."""
    numbers = torch.rand(count, length, generator=generator)
    half = length // 2
    first = torch.randint(half, (count,), generator=generator)
    second = half + torch.randint(length - half, (count,), generator=generator)
    marks = torch.zeros(count, length)
    each = torch.arange(count)
    marks[each, first] = marks[each, second] = 1.0
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(1, keepdim=True)
