"""What several experiments train: a recurrent layer that reads a sequence, and an answer from its last step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradwell.errors import OptionError
from gradwell.lab.rows import Row, Value, numbers, over_seeds
from gradwell.lab.spread import Spread
from gradwell.nets.recurrent import GRU, LSTM, RNN, Recurrent

CELLS: dict[str, type[Recurrent]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def layer(cell: str, inputs: int, hidden: int, **options: Any) -> Recurrent:
    """A recurrent layer by the name of its cell, batch first. Raises OptionError when there is no such cell."""
    if cell not in CELLS:
        raise OptionError(f"there is no cell {cell!r}; possible are {', '.join(CELLS)}")
    return CELLS[cell](inputs, hidden, batch_first=True, **options)


class Reader(nn.Module):
    """y = w h_T + b, from the state of a recurrent layer at its last step."""

    def __init__(self, layer: Recurrent) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(layer.hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Answers (batch, 1) to sequences (batch, time, inputs)."""
        answer: Tensor = self.head(self.layer(x)[0][:, -1])
        return answer


class StepByStep(nn.Module):
    """As a Reader, a plain RNN that takes its steps with the same weights; or, with several layers, each step with weights of its own."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(RNN(inputs, hidden, batch_first=True) for _ in range(layers))
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Answers (batch, 1) to sequences (batch, time, inputs); after the last layer's step the first one's comes again."""
        h = None
        for step in range(x.shape[1]):
            _, h = self.layers[step % len(self.layers)](x[:, step : step + 1], h)
        answer: Tensor = self.head(h[0]) if h is not None else self.head.bias.expand(len(x), 1)
        return answer


def least(rows: Sequence[Row], name: str, **where: Value) -> Spread:
    """The least number of that name in the rows that have these values, over all seeds: what the best learning rate came to."""
    return over_seeds(rows, lambda some: min(numbers(some, name, **where)))


def errors(
    model: nn.Module, batch: Callable[[], tuple[Tensor, Tensor]], steps: int, rate: float, every: int,
    loss: Callable[[Tensor, Tensor], Tensor] = F.mse_loss,
) -> Iterator[tuple[int, float]]:
    """Train by squared error, or another loss, on a new batch at each step, with Adam and the gradient's norm clipped at 1.

    Gives a step's number and the mean error since the last one given: at every so many steps, and at the last.
    """
    optimizer, recent = torch.optim.Adam(model.parameters(), rate), []
    for step in range(1, steps + 1):
        x, y = batch()
        error = loss(model(x), y)
        optimizer.zero_grad()
        torch.autograd.backward(error)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent.append(float(error.detach()))
        if step % every == 0 or step == steps:
            yield step, sum(recent) / len(recent)
            recent.clear()
