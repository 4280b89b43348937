"""Local attention with a predicted centre."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.checks import positive
from gradwell.nets.attention.memory import Memory
from gradwell.nets.attention.softmax import masked_softmax


class LocalAttention(Attention):
    """The query predicts a place in the sentence, and only words near it are weighed (local-p of the paper).

    centre_i = S sigmoid(v · tanh(P query_i)), S words in the sentence, the first of them at place 0
    score_ij = query_iᵀ W key_j, for |j - centre_i| ≤ D
    weight_ij = softmax_j(score_ij) exp(-(j - centre_i)² / (2 (D/2)²))

    D is `window`. The bell makes the centre learnable; it also makes the weights sum to less than 1, as in the paper.
    Luong, Pham and Manning 2015, "Effective Approaches to Attention-based Neural Machine Translation".
    """

    def __init__(
        self, query_size: int, key_size: int, value_size: int | None = None, window: Annotated[int, "words on each side"] = 10
    ) -> None:
        super().__init__(query_size, key_size, value_size)
        positive(window=window)
        self.window = window
        self.w = nn.Linear(key_size, query_size, bias=False)
        self.p = nn.Linear(query_size, query_size, bias=False)
        self.v = nn.Linear(query_size, 1, bias=False)

    def prepare(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> Memory:
        """Keep W key_j, which every query needs."""
        return Memory(self.w(keys), values, mask)

    def centre(self, query: Tensor, memory: Memory) -> Tensor:
        """The place that each query looks at, (batch, queries, 1)."""
        time = memory.keys.shape[1]
        words = time if memory.mask is None else memory.mask.sum(-1)[:, None, None]
        centre: Tensor = words * self.v(self.p(query).tanh()).sigmoid()
        return centre

    def weigh(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> Tensor:  # noqa: ARG002 - for coverage attention
        """The weights, (batch, queries, time)."""
        mask = torch.ones_like(memory.keys[..., 0], dtype=torch.bool) if memory.mask is None else memory.mask
        place = (mask.cumsum(-1) - 1).unsqueeze(1)  # (batch, 1, time): padding before or between words counts for nothing
        distance = place - self.centre(query, memory)  # (batch, queries, time)
        weights = masked_softmax(self.score(query, memory), mask.unsqueeze(1) & (distance.abs() <= self.window))
        return weights * (-2 * (distance / self.window) ** 2).exp()

    def score(self, query: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each key, (batch, queries, time)."""
        return query @ memory.keys.transpose(1, 2)
