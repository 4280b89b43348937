"""Handwritten digits: 1,797 images of 8 x 8 pixels, which come with scikit-learn (Alpaydin and Kaynak 1998)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gradwell.errors import DependencyError

CLASSES, SIZE = 10, 8


@dataclass(frozen=True)
class Digits:
    """Images (examples, 1, 8, 8) from 0 to 1 and their classes (examples,): to learn from, and to measure on."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


def digits(generator: torch.Generator, test: int = 400) -> Digits:
    """The digits, shuffled, the last `test` of them to measure on. Raises DependencyError without scikit-learn."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DependencyError("this experiment reads scikit-learn's digits; install it with: pip install 'gradwell[lab]'") from None
    read = load_digits()
    order = torch.randperm(len(read.target), generator=generator)
    x = torch.tensor(read.images, dtype=torch.float32)[order, None] / 16
    y = torch.tensor(read.target)[order]
    return Digits(x[:-test], y[:-test], x[-test:], y[-test:])
