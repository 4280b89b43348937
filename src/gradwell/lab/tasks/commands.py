"""The last command: the sign that was given last is asked for, behind steps that give none."""

from __future__ import annotations

import torch
from torch import Tensor


def commands(count: int, length: int, generator: torch.Generator, often: float = 0.2) -> tuple[Tensor, Tensor]:
    """Sequences (count, length, 2): a command, 1 or -1, at the first step and now and then, else 0; noise. And the last ones (count, 1)."""
    given = torch.rand(count, length, generator=generator) < often
    given[:, 0] = True
    x = torch.stack([given * (torch.randint(2, (count, length), generator=generator) * 2.0 - 1),
                     torch.randn(count, length, generator=generator)], dim=2)
    last = (given * torch.arange(length)).amax(1)
    return x, x[torch.arange(count), last, :1]
