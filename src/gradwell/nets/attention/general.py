"""General attention."""

from __future__ import annotations

from torch import Tensor, nn

from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.memory import Memory


class GeneralAttention(Attention):
    """A learned matrix says which directions of query and key fit each other, so the two may have different sizes.

    score_ij = query_iᵀ W key_j

    Luong, Pham and Manning 2015, "Effective Approaches to Attention-based Neural Machine Translation".
    """

    def __init__(self, query_size: int, key_size: int, value_size: int | None = None) -> None:
        super().__init__(query_size, key_size, value_size)
        self.w = nn.Linear(key_size, query_size, bias=False)

    def prepare(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> Memory:
        """Keep W key_j, which every query needs."""
        return Memory(self.w(keys), values, mask)

    def score(self, query: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each key, (batch, queries, time)."""
        return query @ memory.keys.transpose(1, 2)
