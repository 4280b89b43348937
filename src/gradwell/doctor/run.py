"""What a run is: the live objects that an example or a fix works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


def train(run: Run) -> None:
    """Train in the plainest way: for every batch, clear the gradients, go forward, go backward, step."""
    for _ in range(run.epochs):
        for x, y in run.batches:
            run.optimizer.zero_grad()
            run.loss(run.model(x), y).backward()
            run.optimizer.step()


@dataclass
class Run:
    """A training run held in the hand: model, optimizer, batches, loss function, and the loop that brings them together."""

    model: Any
    optimizer: Any
    batches: Iterable[tuple[Any, Any]]
    loss: Callable[[Any, Any], Any]
    epochs: int = 1
    loop: Callable[[Run], None] = train

    def train(self) -> None:
        """Run the loop."""
        self.loop(self)

    def reached(self) -> list[Any]:
        """The parameters that the loss of the first batch depends on."""
        x, y = next(iter(self.batches))
        queue, seen, found = [self.loss(self.model(x), y).grad_fn], set(), []
        while queue:
            node = queue.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if hasattr(node, "variable"):
                found.append(node.variable)
            queue += [below for below, _ in node.next_functions]
        return found
