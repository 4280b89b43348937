"""Which way an update goes: against the gradient, as it should, or along it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from gradwell.watch import sample


class Descent:
    """Keeps part of the gradients as the backward pass left them, until the weights have moved."""

    def __init__(self) -> None:
        self._gradients: dict[int, Tensor] = {}

    def keep(self, parameters: Iterable[Any]) -> None:
        """Note the gradients now, before the script can change them."""
        for p in parameters:
            if p.grad is not None and not p.grad.is_sparse and not p.grad.is_complex():
                self._gradients[id(p)] = sample.flat(sample.local(p.grad)).clone()

    def clear(self) -> None:
        """Forget all gradients."""
        self._gradients.clear()

    def cosine(self, changes: Iterable[tuple[Any, Tensor]]) -> Tensor | None:
        """The cosine between the change of the weights and their gradient, over all that were kept; None where nothing was."""
        pairs = [(change, self._gradients[id(p)]) for p, change in changes if id(p) in self._gradients]
        if not pairs:
            return None
        sums = [torch.stack([change @ g, change @ change, g @ g]).to(pairs[0][0].device) for change, g in scaled(pairs)]
        product, moved, steep = torch.stack(sums).double().sum(0)
        cosine: Tensor = product / (moved * steep).sqrt()
        return cosine


def scaled(pairs: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """The pairs with all gradients divided by the largest number among them, for the gradients of a scaled loss overflow when squared."""
    largest = torch.stack([g.abs().amax().to(pairs[0][1].device) for _, g in pairs]).amax()
    return [(change, g / largest.to(g.device)) for change, g in pairs]
