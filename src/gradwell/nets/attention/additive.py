"""Additive attention."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.checks import positive
from gradwell.nets.attention.memory import Memory
from gradwell.nets.attention.scoring import additive_score, ready


class AdditiveAttention(Attention):
    """A small network with one hidden layer judges how well a word fits a query: the first attention of all.

    score_ij = v · tanh(W query_i + U key_j)

    Its hidden layer, (batch, queries, time, size), is never kept: see `additive_score`. Bahdanau, Cho and Bengio 2015,
    "Neural Machine Translation by Jointly Learning to Align and Translate".
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        value_size: int | None = None,
        size: Annotated[int | None, "units of the hidden layer; as many as the query has numbers, unless stated"] = None,
        bias: Annotated[bool, "whether the hidden layer has a bias; the paper's has none"] = False,
    ) -> None:
        super().__init__(query_size, key_size, value_size)
        size = query_size if size is None else size
        positive(size=size)
        self.w = nn.Linear(query_size, size, bias=False)
        self.u = nn.Linear(key_size, size, bias=bias)
        self.v = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))

    def prepare(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> Memory:
        """Keep U key_j, which every query needs."""
        keys = self.u(keys)
        return Memory(keys, values, mask, ready(keys))

    def score(self, query: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each key, (batch, queries, time)."""
        return additive_score(self.w(query), memory.keys, self.v, powers_of_keys=memory.powers)
