"""Encoder and decoder in one: from a source to the probability of every translation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradwell.nets.attention import Memory
from gradwell.translate.batches import Batch
from gradwell.translate.decoder import Decoder, State
from gradwell.translate.encoder import Encoder
from gradwell.translate.options import Options
from gradwell.translate.vocabulary import PAD


class EncoderDecoder(nn.Module):
    """A recurrent translator (Sutskever et al. 2014; Bahdanau et al. 2015)."""

    def __init__(self, options: Options, source_size: int, target_size: int) -> None:
        super().__init__()
        embed = nn.Embedding(target_size, options.embedding, PAD)
        other = embed if options.one_vocabulary else nn.Embedding(source_size, options.embedding, PAD)
        self.encoder, self.decoder = Encoder(options, other), Decoder(options, embed)
        for name, weight in self.named_parameters():
            if "rnn.weight_hh" in name:
                for gate in weight.detach().chunk(len(weight) // weight.shape[1]):
                    nn.init.orthogonal_(gate)
            elif "embed" in name:
                nn.init.normal_(weight, std=options.embedding**-0.5)
                with torch.no_grad():
                    weight[PAD] = 0

    def begin(self, source: Tensor, lengths: Tensor) -> tuple[State, Memory]:
        """Read sources (batch, time): the decoder's first state, and what it attends to."""
        outputs, final = self.encoder(source, lengths)
        return self.decoder.begin(outputs, final, source != PAD)

    def forward(self, batch: Batch, own: float = 0.0) -> tuple[Tensor, Tensor]:
        """Scores (batch, target time, vocabulary) of each next token, and weights (batch, target time, source time)."""
        state, memory = self.begin(batch.source, batch.lengths)
        features, weights = self.decoder(batch.given, state, memory, own)
        return self.decoder.logits(features), weights


def loss(logits: Tensor, wanted: Tensor, smoothing: float = 0.0) -> Tensor:
    """The mean cross-entropy (nats a token) of what was wanted (batch, time); padding does not count."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, label_smoothing=smoothing)
