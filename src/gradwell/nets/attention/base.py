"""What all kinds of attention have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from gradwell.nets.attention.checks import check_memory, check_query, positive
from gradwell.nets.attention.memory import Memory
from gradwell.nets.attention.softmax import masked_softmax


class Attention(nn.Module, ABC):
    """Attention lets a decoder look back at every word it has read and take what it needs now.

    score_ij = how well query i and key j fit: this is what the kinds differ in
    weight_ij = exp(score_ij) / Σ_k exp(score_ik), over words only; padding weighs exactly 0
    context_i = Σ_j weight_ij value_j

    `remember` makes a batch of sentences ready once; `attend` then looks at it, for one query or for many at once.
    Padding may hold anything finite. A sentence without a single word gives weights and a context of zeros.
    """

    context_size: int  # size of a context: what the next layer has to expect

    def __init__(self, query_size: int, key_size: int, value_size: int | None = None) -> None:
        super().__init__()
        value_size = key_size if value_size is None else value_size
        positive(query_size=query_size, key_size=key_size, value_size=value_size)
        self.query_size, self.key_size, self.value_size = query_size, key_size, value_size
        self.context_size = value_size

    def remember(self, keys: Tensor, values: Tensor | None = None, mask: Tensor | None = None) -> Memory:
        """Make what was read ready to be attended to. This is done once a sentence, not once a step.

        keys: (batch, time, key_size); values: (batch, time, value_size), the keys where none are given;
        mask: (batch, time) bool, True where there is a word.
        """
        values = keys if values is None else values
        check_memory(keys, values, mask, self.key_size, self.value_size)
        return self.prepare(keys, values, mask)

    def attend(self, query: Tensor, memory: Memory, coverage: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The context of each query, and the weight that each word had in it.

        query (batch, queries, query_size) -> context (batch, queries, context_size), weights (batch, queries, time)
        query (batch, query_size)          -> context (batch, context_size),          weights (batch, time)

        The beams of a sentence may be its queries: then its memory need not be repeated.
        coverage: (batch, time), the sum of the weights of all earlier steps; only coverage attention looks at it.
        """
        check_query(query, memory.keys, coverage, self.query_size)
        if query.dim() == 3:
            return self.look(query, memory, coverage)
        context, weights = self.look(query.unsqueeze(1), memory, coverage)
        return context.squeeze(1), weights.squeeze(1)

    def forward(
        self, query: Tensor, keys: Tensor, values: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`attend` and `remember` in one."""
        return self.attend(query, self.remember(keys, values, mask))

    def prepare(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> Memory:
        """Project what is to be remembered, where a kind does so."""
        return Memory(keys, values, mask)

    def look(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> tuple[Tensor, Tensor]:
        """`attend` for a query of three dimensions."""
        weights = self.weigh(query, memory, coverage)
        return weights.to(memory.values.dtype) @ memory.values, weights

    def weigh(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> Tensor:  # noqa: ARG002 - for coverage attention
        """The weights, (batch, queries, time)."""
        return masked_softmax(self.score(query, memory), None if memory.mask is None else memory.mask.unsqueeze(1))

    def extra_repr(self) -> str:
        """The sizes, for print."""
        return f"{self.query_size}, {self.key_size}, {self.value_size}"

    @abstractmethod
    def score(self, query: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each key, (batch, queries, time)."""
