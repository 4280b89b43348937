"""Coverage attention."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.nets.attention.additive import AdditiveAttention
from gradwell.nets.attention.memory import Memory
from gradwell.nets.attention.scoring import additive_score
from gradwell.nets.attention.softmax import masked_softmax


class CoverageAttention(AdditiveAttention):
    """Additive attention that knows how much it has looked at each word already, so that it can leave none out and repeat none.

    score_ij = v · tanh(W query_i + U key_j + c coverage_ij + b)
    coverage_ij = Σ_{k<i} weight_kj

    Several queries at once are steps of a decoder: they are gone through in turn. See, Liu and Manning 2017,
    "Get To The Point: Summarization with Pointer-Generator Networks".
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        value_size: int | None = None,
        size: Annotated[int | None, "units of the hidden layer; as many as the query has numbers, unless stated"] = None,
    ) -> None:
        super().__init__(query_size, key_size, value_size, size, bias=True)
        self.c = nn.Parameter(torch.empty_like(self.v).uniform_(-1, 1))

    def prepare(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> Memory:
        """Keep U key_j + b, which every query needs."""
        return Memory(self.u(keys), values, mask)

    def weigh(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> Tensor:
        """The weights, (batch, queries, time), one query after the other."""
        covered = memory.keys.new_zeros(memory.keys.shape[:2]) if coverage is None else coverage
        mask = None if memory.mask is None else memory.mask.unsqueeze(1)
        weights = []
        for i in range(query.shape[1]):
            weights.append(masked_softmax(self.score(query[:, i : i + 1], memory, covered), mask))
            covered = covered + weights[-1].squeeze(1)
        return torch.cat(weights, 1) if weights else memory.keys.new_zeros(len(query), 0, memory.keys.shape[1])

    def score(self, query: Tensor, memory: Memory, coverage: Tensor | None = None) -> Tensor:
        """How well each query fits each key where so much is covered, (batch, queries, time)."""
        covered = None if coverage is None else coverage.unsqueeze(1).expand(-1, query.shape[1], -1)
        return additive_score(self.w(query), memory.keys, self.v, covered, self.c)
