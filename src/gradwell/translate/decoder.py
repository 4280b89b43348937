"""The translation, token by token: each step looks at the source and at what has been said so far."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gradwell.nets.attention import Memory, attention
from gradwell.translate.encoder import LAYERS
from gradwell.translate.fixed import FixedVector
from gradwell.translate.options import NONE, Options


class State(NamedTuple):
    """What a step hands to the next."""

    hidden: Tensor  # (batch, layers, hidden)
    cell: Tensor | None  # the same of an LSTM
    feed: Tensor  # (batch, embedding): what the last step meant to say, before it became a token
    coverage: Tensor  # (batch, source time): how much each source token has been attended to

    def select(self, rows: Tensor) -> State:
        """The states of some rows of the batch."""
        return State(*(None if part is None else part[rows] for part in self))  # type: ignore[arg-type]


class Decoder(nn.Module):
    """Recurrent layers with attention after them (Luong et al. 2015).

    h_t   = rnn([y_(t-1); feed_(t-1)], h_(t-1))
    c_t   = attention(h_t, source)
    feed_t = tanh(W [h_t; c_t])
    p(y_t) = softmax(E feed_t + b)          E: the embedding of the target's tokens (Press and Wolf 2017)
    """

    def __init__(self, options: Options, embed: nn.Embedding) -> None:
        super().__init__()
        hidden, self.feeding = options.hidden, options.input_feeding
        self.embed = embed
        self.drop = nn.Dropout(options.dropout)
        self.start = nn.Linear(hidden, hidden * options.decoder_layers)
        self.rnn = LAYERS[options.cell](
            options.embedding * (2 if self.feeding else 1), hidden, options.decoder_layers, batch_first=True,
            dropout=options.dropout if options.decoder_layers > 1 else 0.0,
        )
        self.attention = FixedVector(hidden) if options.attention == NONE else attention(options.attention, hidden, hidden)
        self.combine = nn.Linear(hidden + self.attention.context_size, options.embedding, bias=False)
        self.bias = nn.Parameter(torch.zeros(embed.num_embeddings))

    def begin(self, outputs: Tensor, final: Tensor, mask: Tensor) -> tuple[State, Memory]:
        """The first state and what to attend to, from the encoder's outputs (batch, source time, hidden) and final state."""
        layers = self.rnn.num_layers
        hidden = torch.tanh(self.start(final)).view(final.shape[0], layers, -1)
        cell = torch.zeros_like(hidden) if isinstance(self.rnn, nn.LSTM) else None
        feed = outputs.new_zeros(outputs.shape[0], self.combine.out_features)
        return State(hidden, cell, feed, torch.zeros_like(outputs[:, :, 0])), self.attention.remember(outputs, mask=mask)

    def step(self, token: Tensor, state: State, memory: Memory) -> tuple[Tensor, Tensor, State]:
        """One token (batch) further: features (batch, embedding), weights (batch, source time) and the next state."""
        return self.advance(self.drop(self.embed(token)), state, memory)

    def advance(self, x: Tensor, state: State, memory: Memory) -> tuple[Tensor, Tensor, State]:
        """As `step`, from the embedded token (batch, embedding)."""
        h, hidden, cell = self.recur((torch.cat([x, state.feed], -1) if self.feeding else x)[:, None], state)
        context, weights = self.attention.attend(h[:, 0], memory, state.coverage)
        feed = torch.tanh(self.combine(torch.cat([h[:, 0], context], -1)))
        return feed, weights, State(hidden, cell, self.drop(feed), state.coverage + weights)

    def recur(self, x: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor | None]:
        """The recurrent layers over x (batch, time, inputs): outputs (batch, time, hidden), and the state after them."""
        hidden = state.hidden.transpose(0, 1).contiguous()
        if state.cell is None:
            h, hidden = self.rnn(x, hidden)
            return h, hidden.transpose(0, 1), None
        h, (hidden, cell) = self.rnn(x, (hidden, state.cell.transpose(0, 1).contiguous()))
        return h, hidden.transpose(0, 1), cell.transpose(0, 1)

    def logits(self, features: Tensor) -> Tensor:
        """Scores (..., vocabulary) of every token as the next."""
        return nn.functional.linear(self.drop(features), self.embed.weight, self.bias)

    def forward(self, given: Tensor, state: State, memory: Memory, own: float = 0.0) -> tuple[Tensor, Tensor]:
        """Features (batch, time, embedding) and weights (batch, time, source time) for the tokens given (batch, time).

        own: chance that a step is fed the decoder's own last token instead (scheduled sampling: Bengio et al. 2015).
        """
        if not self.feeding and not own:
            return self.at_once(given, state, memory)
        embedded = self.drop(self.embed(given))
        features: list[Tensor] = []
        weights: list[Tensor] = []
        for t in range(given.shape[1]):
            x = embedded[:, t]
            if own and t:
                said = self.logits(features[-1].detach()).argmax(-1)
                x = torch.where(torch.rand(len(given), 1, device=x.device) < own, self.drop(self.embed(said)), x)
            feed, weight, state = self.advance(x, state, memory)
            features.append(feed)
            weights.append(weight)
        return torch.stack(features, 1), torch.stack(weights, 1)

    def at_once(self, given: Tensor, state: State, memory: Memory) -> tuple[Tensor, Tensor]:
        """All steps in one go, where none waits for what the last one said."""
        h, _, _ = self.recur(self.drop(self.embed(given)), state)
        context, weights = self.attention.attend(h, memory, state.coverage)
        return torch.tanh(self.combine(torch.cat([h, context], -1))), weights
