"""Scaled dot attention."""

from __future__ import annotations

import math

from torch import Tensor

from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.dot import same_size
from gradwell.nets.attention.memory import Memory


class ScaledDotAttention(Attention):
    """Dot attention whose scores do not grow with the size of the vectors, so that softmax does not saturate.

    score_ij = query_i · key_j / √size

    Query and key must have the same size. Vaswani et al. 2017, "Attention Is All You Need".
    """

    def __init__(self, query_size: int, key_size: int, value_size: int | None = None) -> None:
        super().__init__(query_size, key_size, value_size)
        same_size("scaled-dot", query_size, key_size)

    def score(self, query: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each key, (batch, queries, time)."""
        return (query / math.sqrt(self.query_size)) @ memory.keys.transpose(1, 2)  # divided first: half precision overflows late
