"""Location attention."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.checks import positive
from gradwell.nets.attention.memory import Memory
from gradwell.nets.attention.softmax import masked_softmax


class LocationAttention(Attention):
    """The query alone says which place of the sentence to look at, whatever word stands there.

    score_ij = (W query_i)_j

    W has a row for each place up to `longest`; words beyond it get no weight, as in the paper. Luong, Pham and
    Manning 2015, "Effective Approaches to Attention-based Neural Machine Translation".
    """

    def __init__(
        self, query_size: int, key_size: int, value_size: int | None = None, longest: Annotated[int, "words"] = 50
    ) -> None:
        super().__init__(query_size, key_size, value_size)
        positive(longest=longest)
        self.longest = longest
        self.w = nn.Linear(query_size, longest, bias=False)

    def weigh(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> Tensor:  # noqa: ARG002 - for coverage attention
        """The weights, (batch, queries, time)."""
        near = torch.arange(memory.keys.shape[1], device=query.device) < self.longest  # (time,)
        mask = near.expand(memory.keys.shape[:2]) if memory.mask is None else near & memory.mask
        return masked_softmax(self.score(query, memory), mask.unsqueeze(1))

    def score(self, query: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each place, (batch, queries, time)."""
        place = torch.arange(memory.keys.shape[1], device=query.device).clamp(max=self.longest - 1)
        scores: Tensor = self.w(query)  # (batch, queries, longest)
        return scores.index_select(-1, place)
