"""A sentence to be translated becomes a vector for each of its tokens, which knows what stands before and after it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from gradwell.translate.options import Options

LAYERS: dict[str, Any] = {"gru": nn.GRU, "lstm": nn.LSTM}


class Encoder(nn.Module):
    """Recurrent layers that read in both directions (Bahdanau et al. 2015)."""

    def __init__(self, options: Options, embed: nn.Embedding) -> None:
        super().__init__()
        self.embed = embed
        self.drop = nn.Dropout(options.dropout)
        self.rnn = LAYERS[options.cell](
            options.embedding, options.hidden // 2, options.encoder_layers, batch_first=True, bidirectional=True,
            dropout=options.dropout if options.encoder_layers > 1 else 0.0,
        )

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Source (batch, time) and its lengths to outputs (batch, time, hidden), and the final state of both directions (batch, hidden).

        Padding is neither read nor written: outputs are zero there.
        """
        x = self.drop(self.embed(source))  # (batch, time, embedding)
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        outputs, state = self.rnn(packed)
        hidden = state[0] if isinstance(state, tuple) else state  # (layers * 2, batch, hidden / 2)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=source.shape[1])
        return outputs, hidden[-2:].transpose(0, 1).flatten(1)
