"""Classifiers trained step by step and measured, as the experiments with images need it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional


def training(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, steps: int, batch: int,
             generator: torch.Generator) -> Iterator[float]:
    """Train a classifier on batches drawn at random; gives the cross-entropy of each batch, before its update."""
    model.train()
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=generator)
        loss = functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        yield float(loss.detach())


def fit(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, steps: int, batch: int,
        generator: torch.Generator) -> None:
    """Train a classifier to the end."""
    for _ in training(model, optimizer, x, y, steps, batch, generator):
        pass


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of the examples whose class the model finds, in evaluation mode."""
    return float((model.eval()(x).argmax(1) == y).float().mean())
