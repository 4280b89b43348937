"""No attention: the whole sentence in one vector, which every step is shown (Cho et al. 2014)."""

from __future__ import annotations

from torch import Tensor, nn

from gradwell.nets.attention import Memory


class FixedVector(nn.Module):
    """The mean of the encoder's outputs, whatever is asked; what a decoder had before attention, and what attention is measured against."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.context_size = size

    def remember(self, keys: Tensor, values: Tensor | None = None, mask: Tensor | None = None) -> Memory:
        """Keep the mean (batch, 1, size) as the only value, and the mask for the shape of the weights."""
        values = keys if values is None else values
        there = values.new_ones(values.shape[:2]) if mask is None else mask.to(values.dtype)
        share = there / there.sum(1, keepdim=True).clamp(min=1)
        return Memory(share[:, :, None], (share[:, :, None] * values).sum(1, keepdim=True), mask)

    def attend(self, query: Tensor, memory: Memory, coverage: Tensor | None = None) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """The same context (batch, queries, size) for every query, and equal weights."""
        share = memory.keys[:, :, 0]
        if query.dim() == 2:
            return memory.values[:, 0], share
        queries = query.shape[1]
        return memory.values.expand(-1, queries, -1), share[:, None].expand(-1, queries, -1)
