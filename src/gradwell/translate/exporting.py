"""A translator for ONNX Runtime: an encoder that reads sentences, and a step cell that goes one token further."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gradwell.folder import ready, write
from gradwell.nets.attention import Memory
from gradwell.onnx import exported
from gradwell.translate.decoder import Decoder, State
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.options import NONE
from gradwell.translate.reader import Reader, able
from gradwell.translate.vocabulary import NEVER, PAD

if TYPE_CHECKING:
    from gradwell.translate.translator import Translator

STATE = ["hidden", "cell", "feed", "coverage"]
MEMORY = ["keys", "values", "mask"]
INPUTS = ["token", *STATE, *MEMORY]
OUTPUTS = ["logp", "weights", *(f"next_{name}" for name in STATE)]


class Beginning(nn.Module):
    """All that comes before the first step, as a function of tensors alone."""

    def __init__(self, model: EncoderDecoder) -> None:
        super().__init__()
        self.encoder, self.decoder = Reader(model.encoder), model.decoder

    def forward(self, source: Tensor) -> tuple[Tensor, ...]:
        """Source (batch, time), padded with 0, to the state before the first step and the memory."""
        mask = source != PAD
        outputs, final = self.encoder(source, mask)
        state, memory = self.decoder.begin(outputs, final, mask)
        cell = torch.zeros_like(state.hidden) if state.cell is None else state.cell
        return state.hidden, cell, state.feed, state.coverage, memory.keys, memory.values.clone(), mask


class StepCell(nn.Module):
    """One step of the decoder as a function of tensors alone."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.never = torch.zeros(decoder.embed.num_embeddings).index_fill(0, torch.tensor(NEVER), -torch.inf)

    def forward(
        self, token: Tensor, hidden: Tensor, cell: Tensor, feed: Tensor, coverage: Tensor, keys: Tensor, values: Tensor, mask: Tensor
    ) -> tuple[Tensor, ...]:
        """Token (batch), state and memory to log-probabilities (batch, vocabulary), weights (batch, source time) and the next state.

        Tokens that no translation contains have the log-probability -inf.
        """
        state = State(hidden, cell if isinstance(self.decoder.rnn, nn.LSTM) else None, feed, coverage)
        features, weights, after = self.decoder.step(token, state, Memory(keys, values, mask))
        next_cell = cell if after.cell is None else after.cell
        return (self.decoder.logits(features) + self.never).log_softmax(-1), weights, after.hidden, next_cell, after.feed, after.coverage


def export(translator: Translator, folder: str | os.PathLike[str]) -> None:
    """Write a folder that `OnnxTranslator` translates with: encoder.onnx, step.onnx, source.json and target.json.

    Raises ModelFileError where it cannot be written, DependencyError when onnx or onnxscript is missing.
    """
    able()
    where = ready(folder)
    write(where / "source.json", translator.source.dump())
    write(where / "target.json", translator.target.dump())
    write(where / "step.onnx", step_cell(translator))
    write(where / "encoder.onnx", encoder(translator))


def encoder(translator: Translator) -> bytes:
    """The encoder as ONNX: `source` (batch, time) to what the step cell calls STATE and MEMORY."""
    example = torch.tensor([[4, 4, 4, 4, 2], [4, 4, 2, PAD, PAD], [4, 2, PAD, PAD, PAD]])
    dynamic = {"source": {0: torch.export.Dim("batch"), 1: torch.export.Dim("time")}}
    return exported(Beginning(translator.model).eval(), (example,), ["source"], [*STATE, *MEMORY], dynamic)


def step_cell(translator: Translator) -> bytes:
    """The step cell as ONNX. Batch and source length may differ at every call.

    Inputs and outputs bear the names in INPUTS and OUTPUTS; a GRU's `cell` is ignored and comes back as it went in.
    """
    examples = example(translator, 3, 5)
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    shapes: dict[str, Any] = {name: {0: batch} for name in ("token", "hidden", "cell", "feed")}
    shapes |= {name: {0: batch, 1: time} for name in ("coverage", "keys", "values", "mask")}
    if translator.options.attention == NONE:
        shapes["values"] = {0: batch}  # one vector for the whole sentence
    return exported(StepCell(translator.model.decoder).eval(), tuple(examples[name] for name in INPUTS), INPUTS, OUTPUTS, shapes)


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
