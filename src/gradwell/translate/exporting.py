"""A translator's decoder step for ONNX Runtime: one token further, for any number of sentences of any length."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gradwell.errors import OptionError
from gradwell.folder import write
from gradwell.nets.attention import Memory
from gradwell.onnx import exported
from gradwell.translate.decoder import Decoder, State

if TYPE_CHECKING:
    from gradwell.translate.translator import Translator

INPUTS = ["token", "hidden", "cell", "feed", "coverage", "keys", "values", "mask"]
OUTPUTS = ["logp", "weights", "next_hidden", "next_cell", "next_feed", "next_coverage"]


class StepCell(nn.Module):
    """One step of the decoder as a function of tensors alone."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, token: Tensor, hidden: Tensor, cell: Tensor, feed: Tensor, coverage: Tensor, keys: Tensor, values: Tensor, mask: Tensor
    ) -> tuple[Tensor, ...]:
        """Token (batch), state and memory to log-probabilities (batch, vocabulary), weights (batch, source time) and the next state."""
        state = State(hidden, cell if isinstance(self.decoder.rnn, nn.LSTM) else None, feed, coverage)
        features, weights, after = self.decoder.step(token, state, Memory(keys, values, mask))
        next_cell = cell if after.cell is None else after.cell
        return self.decoder.logits(features).log_softmax(-1), weights, after.hidden, next_cell, after.feed, after.coverage


def export_step(translator: Translator, path: str | os.PathLike[str]) -> None:
    """Write the step cell as ONNX. Batch and source length may differ at every call.

    Inputs and outputs bear the names in INPUTS and OUTPUTS; a GRU's `cell` is ignored and comes back as it went in.
    """
    if not translator.attends:
        raise OptionError("a translator without attention has no memory to attend to; export one with attention")
    step = StepCell(translator.model.decoder).eval()
    examples = example(translator, 3, 5)
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    shapes: dict[str, Any] = {name: {0: batch} for name in ("token", "hidden", "cell", "feed")}
    shapes |= {name: {0: batch, 1: time} for name in ("coverage", "keys", "values", "mask")}
    write(Path(path), exported(step, tuple(examples[name] for name in INPUTS), INPUTS, OUTPUTS, shapes))


def example(translator: Translator, batch: int, time: int) -> dict[str, Tensor]:
    """Inputs of the step cell for so many sentences of so many tokens."""
    with torch.no_grad():
        state, memory = translator.model.begin(torch.full((batch, time), 4), torch.full((batch,), time))
    mask = torch.ones(batch, time, dtype=torch.bool)
    cell = torch.zeros_like(state.hidden) if state.cell is None else state.cell
    return {
        "token": torch.full((batch,), 1), "hidden": state.hidden, "cell": cell, "feed": state.feed, "coverage": state.coverage,
        "keys": memory.keys, "values": memory.values, "mask": mask,
    }
