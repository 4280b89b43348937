"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Annotated

from torch import Tensor, nn

from gradwell.errors import OptionError
from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.checks import positive
from gradwell.nets.attention.memory import Memory
from gradwell.nets.attention.softmax import masked_softmax


class MultiHeadAttention(Attention):
    """Several small attentions look side by side, each at what it has learned to look for.

    score_hij = (Wq query_i)_h · (Wk key_j)_h / √(size / heads)
    weight_hij = softmax_j(score_hij)
    context_i = Wo [Σ_j weight_hij (Wv value_j)_h for all heads h]

    `attend` gives the mean of the heads' weights; `attend_by_head` gives them one by one. A context has `size`
    numbers (the query's size, unless stated). The same weights give the same result as torch.nn.MultiheadAttention.
    Vaswani et al. 2017, "Attention Is All You Need".
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        value_size: int | None = None,
        size: Annotated[int | None, "numbers, all heads together"] = None,
        heads: Annotated[int, "heads"] = 4,
        bias: bool = True,
    ) -> None:
        super().__init__(query_size, key_size, value_size)
        size = query_size if size is None else size
        positive(size=size, heads=heads)
        if size % heads:
            raise OptionError(f"{size} numbers cannot be shared among {heads} heads; size must be a multiple of heads")
        self.heads, self.context_size = heads, size
        self.wq = nn.Linear(query_size, size, bias=bias)
        self.wk = nn.Linear(key_size, size, bias=bias)
        self.wv = nn.Linear(self.value_size, size, bias=bias)
        self.wo = nn.Linear(size, size, bias=bias)

    def prepare(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> Memory:
        """Keep Wk key_j and Wv value_j, which every query needs."""
        return Memory(self.wk(keys), self.wv(values), mask)

    def attend_by_head(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """As `attend`, with the weights of every head: (batch, heads, queries, time), or (batch, heads, time) for one query."""
        if query.dim() == 2:
            found, weights = self.attend_by_head(query.unsqueeze(1), memory)
            return found.squeeze(1), weights.squeeze(2)
        mask = None if memory.mask is None else memory.mask[:, None, None]
        weights = masked_softmax(self.score(query, memory), mask)
        joined = (weights.to(memory.values.dtype) @ self.split(memory.values)).transpose(1, 2).flatten(2)
        context: Tensor = self.wo(joined)  # (batch, queries, size)
        if memory.mask is not None:
            context = context.masked_fill(~memory.mask.any(-1)[:, None, None], 0.0)  # of nothing comes nothing, not Wo's bias
        return context, weights

    def look(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """`attend` for a query of three dimensions."""
        context, weights = self.attend_by_head(query, memory)
        return context, weights.mean(1)

    def score(self, query: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each key, head by head: (batch, heads, queries, time)."""
        size = memory.keys.shape[-1] // self.heads
        return self.split(self.wq(query) / math.sqrt(size)) @ self.split(memory.keys).transpose(-2, -1)

    def split(self, x: Tensor) -> Tensor:
        """(batch, time, size) -> (batch, heads, time, size / heads)."""
        return x.reshape(*x.shape[:2], self.heads, x.shape[-1] // self.heads).transpose(1, 2)
