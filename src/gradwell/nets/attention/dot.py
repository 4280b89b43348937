"""Dot attention."""

from __future__ import annotations

from torch import Tensor

from gradwell.errors import OptionError
from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.memory import Memory


class DotAttention(Attention):
    """A word fits a query as far as the two vectors point the same way; nothing is learned.

    score_ij = query_i · key_j

    Query and key must have the same size. Luong, Pham and Manning 2015, "Effective Approaches to Attention-based
    Neural Machine Translation".
    """

    def __init__(self, query_size: int, key_size: int, value_size: int | None = None) -> None:
        super().__init__(query_size, key_size, value_size)
        same_size("dot", query_size, key_size)

    def score(self, query: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each key, (batch, queries, time)."""
        return query @ memory.keys.transpose(1, 2)


def same_size(kind: str, query_size: int, key_size: int) -> None:
    """Raise OptionError where query and key cannot be multiplied."""
    if query_size != key_size:
        raise OptionError(
            f"{kind} attention multiplies query and key as they are, so their sizes must agree: query_size is {query_size}, "
            f"key_size is {key_size}; 'general' attention learns a matrix between the two"
        )
