"""Where a NaN or an infinity came from: the first tensor of a graph that is not finite, and the first gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gradwell.watch import sample
from gradwell.watch.graph import Node, Part, is_freed, operation, saved
from gradwell.watch.registry import Named
from gradwell.watch.shards import held

# operations whose derivative has a pole: a finite result may have an infinite or undefined gradient
POLES = frozenset({
    "Sqrt", "Rsqrt", "Pow", "Norm", "LinalgVectorNorm", "Log", "Log2", "Log10", "Log1P", "Exp", "Div", "Reciprocal", "Acos", "Asin",
    "Atan2", "Std", "Var", "Cdist", "EuclideanDist", "LinalgSvd", "LinalgEigh", "Prod", "Softmax", "LogSoftmax", "CosineSimilarity",
})
SAVED = ("self", "input", "mat1", "result", "other", "grid")
Name = Callable[[Any], Named]


def is_finite(x: Any) -> bool:
    """Whether a tensor has neither NaN nor plus infinity; minus infinity is how attention masks are written."""
    return not isinstance(x, Tensor) or not x.is_floating_point() or is_freed(x) or bool((x < float("inf")).all())


def first(order: list[Node], parts: list[Part], name: Name) -> dict[str, Any]:
    """The first tensor on the way to the loss that is not finite: `weight`, `input`, `activation` or `loss`, and its place."""
    by_node = {part.node: part for part in parts}
    last: dict[str, Any] = {}
    for node in order:
        if operation(node) == "AccumulateGrad" and not is_finite(sample.local(held(node.variable)).detach()):
            return {"what": "weight", "operation": "", **place(name(held(node.variable)))}
    for node in order:
        part = by_node.get(node)
        bad = next((key for key in SAVED if not is_finite(saved(node, key))), None)
        if part is not None:
            weight = part.weight if part.kind == "layer" else part.owner.weight if part.owner else None
            last = place(name(weight)) if weight is not None else {}
        if bad is not None:
            before = any(n is not None for n, _ in node.next_functions if n is not None and operation(n) != "AccumulateGrad")
            data = part is not None and part.kind == "layer" and part.node.next_functions[part.input_edge][0] is None
            what = "activation" if bad == "result" or (before and not data) else "input"
            return {"what": what, "operation": operation(node), **last}
    return {"what": "loss", "operation": operation(order[-1]) if order else "", **last}


def place(named: Named) -> dict[str, Any]:
    """A name as plain values."""
    path = f"{named.module}.{named.parameter}" if named.parameter else named.module
    return {"module": named.module, "parameter": path, "type": named.type, "file": named.file, "line": named.line}


class Poles:
    """On a sampled step, notes which operation first turned a finite gradient into one that is not."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, Tensor, Tensor]] = []
        self._handles: list[Any] = []

    def hook(self, order: list[Node]) -> None:
        """Listen at every operation whose derivative has a pole."""
        self._seen.clear()
        for node in order:
            if operation(node) in POLES:
                self._handles.append(node.register_hook(partial(self._on_gradient, operation(node))))

    def _on_gradient(self, name: str, gradient_in: Any, gradient_out: Any) -> None:
        inner, outer = ([torch.isfinite(sample.local(g)).all() for g in grads if g is not None] for grads in (gradient_in, gradient_out))
        if inner and outer:
            self._seen.append((name, torch.stack(inner).all(), torch.stack(outer).all()))

    def first(self) -> str | None:
        """The operation, if there was one; forgets what was seen."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        seen, self._seen = self._seen, []
        return next((name for name, inner, outer in seen if bool(outer) and not bool(inner)), None)


def bad_gradients(parameters: list[Any], name: Name) -> dict[str, Any] | None:
    """Which parameters have a gradient that is not finite; None when all are finite."""
    trained = [p for p in parameters if p.grad is not None and not p.grad.is_sparse]
    if not trained:
        return None
    norms = torch._foreach_norm([sample.local(p.grad).detach() for p in trained], 1)
    if bool(torch.isfinite(torch.stack([norm.float().to(norms[0].device) for norm in norms])).all()):
        return None
    gradients = [p.grad for p in trained]
    return None if all(map(is_whole, gradients)) else bad(trained, gradients, name)  # where all are whole, only the norm overflowed


def bad(parameters: list[Any], values: list[Any], name: Name) -> dict[str, Any]:
    """Which of some parameters have values (or gradients) that are not finite, and the name of the last of them."""
    wrong = [p for p, value in zip(parameters, values, strict=True) if not is_whole(value)]
    return {"count": len(wrong), "of": len(parameters), "all": len(wrong) == len(parameters), **place(name(wrong[-1]))}


def is_whole(x: Any) -> bool:
    """Whether a tensor has neither NaN nor infinity."""
    return bool(torch.isfinite(sample.local(x).detach()).all())
