"""What lets the ranks of a run be compared afterwards without asking any of them: a number for each weight and for each batch.

Every rank takes them on the steps that it looks at. Steps 1, 2, 3 and all powers of two are among these on every rank.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import loss, ranks, sample, shards
from gradwell.watch.graph import Node, Part, operation, saved
from gradwell.watch.layers import fed_by_others, taken
from gradwell.watch.optimizers import Optimizers, parameters
from gradwell.watch.registry import Registry

MOST = 1_024  # weights of one optimizer that are compared
Put = Callable[[str, int, int, Tensor], None]


class Fingerprints:
    """Takes the fingerprints of a process that trains with others."""

    def __init__(self, record: Record, registry: Registry, optimizers: Optimizers, put: Put) -> None:
        self._record, self._registry, self._optimizers, self._put = record, registry, optimizers, put
        self._begun: set[int] = set()  # parameters whose weights before their first update were seen
        self._sharing: dict[int, Any] = {}

    def shards(self) -> None:
        """Learn which weights of the graph that is to be read were gathered from shards."""
        spread = [p for p in self._optimizers.all() if hasattr(p, "to_local")]
        if spread:
            shards.learn(self._registry.roots(spread))

    def before(self, optimizer: Any, step: int) -> None:
        """An optimizer is about to update: take the weights that it has not updated yet, as of the step before."""
        fresh = [p for p in comparable(optimizer) if id(p) not in self._begun]
        self._begun.update(map(id, fresh))
        self._take(fresh, step - 1)

    def after(self, optimizer: Any, step: int) -> None:
        """An optimizer has updated its weights."""
        held = comparable(optimizer)
        self._take(held, step)
        for root in self._registry.roots([p for p in parameters(optimizer) if p.requires_grad]):
            site, sharing = self._optimizers.model(root), ranks.sharing(root)
            if sharing is not None and self._sharing.get(site) != sharing:
                self._sharing[site] = sharing
                self._record.fact(signals.SHARING.name, site, step, sharing)

    def _take(self, weights: list[Any], step: int) -> None:
        replicas = {key for root in self._registry.roots(weights) for key in ranks.replicas(root)}
        for p in weights:
            signal = signals.REPLICA if id(p) in replicas else signals.OWN_WEIGHTS
            self._put(signal.name, self._optimizers.site(p), step, signals.fingerprint(sample.flat(p)))

    def batch(self, root: Node, order: list[Node], parts: list[Part], step: int) -> None:
        """A loss is about to be sent back: take the inputs and targets that it was computed from."""
        fed = fed_by_others(parts)
        found = [taken(part) for part in parts if part.kind == "layer" and id(part.weight) not in fed]
        found += [saved(node, "indices") for node in order if operation(node) == "Embedding"]
        found += [term.target for term in loss.terms(root)[:8]]
        numbers = [signals.fingerprint(sample.flat(x)) for x in found if isinstance(x, Tensor) and x.numel() and not x.is_complex()]
        if numbers:
            weights = torch.arange(1.0, len(numbers) + 1, dtype=torch.float64, device=numbers[0].device)
            self._put(signals.BATCH.name, 0, step, torch.stack([one.to(weights.device) for one in numbers]) @ weights)


def comparable(optimizer: Any) -> list[Any]:
    """The weights of an optimizer that other ranks may hold, too: whole, dense and real ones, evenly spaced if they are many."""
    found = [p for p in parameters(optimizer) if p.requires_grad and p.numel() and not hasattr(p, "to_local")
             and p.layout == torch.strided and not p.is_complex()]
    return found[:: 1 + len(found) // MOST]
