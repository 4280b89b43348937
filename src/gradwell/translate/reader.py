"""The encoder in ONNX's own recurrent layers, which know how long each sentence is; torch exports none that do."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gradwell.errors import DependencyError
from gradwell.translate.encoder import Encoder

OPSET = 20  # of the layers; they have not changed since 14
GATES = {"GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}  # ONNX has them in the order z r n and i o f c, torch in r z n and i f c o


class Reader(nn.Module):
    """What an `Encoder` computes, for the exporter alone: outside of it the recurrent layers give zeros."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        rnn = encoder.rnn
        self.embed = nn.Parameter(encoder.embed.weight.detach())  # its own: the exporter takes no module that is shared
        self.kind, self.hidden = type(rnn).__name__, rnn.hidden_size
        self.layers = nn.ParameterList(weight for layer in range(rnn.num_layers) for weight in self.weights(rnn, layer))

    def weights(self, rnn: nn.RNNBase, layer: int) -> list[Tensor]:
        """The weights of a layer as ONNX wants them: (2, gates * hidden, inputs), (2, gates * hidden, hidden), (2, 2 * gates * hidden)."""

        def both(name: str) -> list[Tensor]:
            found = (getattr(rnn, f"{name}_l{layer}{way}").detach() for way in ("", "_reverse"))
            return [torch.cat([one.chunk(len(GATES[self.kind]))[gate] for gate in GATES[self.kind]]) for one in found]

        biases = [torch.cat(pair) for pair in zip(both("bias_ih"), both("bias_hh"), strict=True)]
        return [torch.stack(one) for one in (both("weight_ih"), both("weight_hh"), biases)]

    def forward(self, source: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Source (batch, time) and where it is no padding, to outputs (batch, time, hidden) and the final state (batch, hidden)."""
        batch, time = source.shape
        lengths = mask.sum(1).int()
        options: dict[str, Any] = {"hidden_size": self.hidden, "direction": "bidirectional"}
        options |= {"linear_before_reset": 1} if self.kind == "GRU" else {}
        x = nn.functional.embedding(source, self.embed).transpose(0, 1)  # (time, batch, embedding)
        final = x
        for i in range(0, len(self.layers), 3):
            y, final = torch.onnx.ops.symbolic_multi_out(
                self.kind, (x, *self.layers[i : i + 3], lengths), options, dtypes=(x.dtype, x.dtype),
                shapes=((time, 2, batch, self.hidden), (2, batch, self.hidden)), version=OPSET,
            )
            x = y.transpose(1, 2).flatten(2)  # (time, batch, hidden of both ways)
        return x.transpose(0, 1) * mask[:, :, None], final.transpose(0, 1).flatten(1)


def able() -> None:
    """Raise DependencyError where torch is too old to export it."""
    if not hasattr(torch.onnx, "ops"):
        raise DependencyError(f"exporting a translator needs torch 2.8 or later; this is {torch.__version__}")
