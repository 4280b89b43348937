"""Reading a loss from its graph: which loss it is, what stands between the last layer and it, and what its targets look like."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradwell.watch.graph import LINEAR, RECURRENT, RESHAPES, Node, as_part, inputs, operation, output, saved, shape
from gradwell.watch.trivial import TrivialPredictor

LOSSES = {
    "NllLoss": "nll", "NllLoss2D": "nll", "MseLoss": "mse", "BinaryCrossEntropy": "bce",
    "BinaryCrossEntropyWithLogits": "bce_with_logits", "SmoothL1Loss": "smooth_l1", "HuberLoss": "smooth_l1", "KlDiv": "kl_div",
}
PICKS = {"Select", "Slice", "Index", "IndexSelect", "MaskedSelect"}  # they choose among examples and change no value
REDUCTIONS = RESHAPES | PICKS | {"Mean", "Sum", "Div", "Mul", "Neg", "Add", "Sub", "MaskedFill", "Stack", "Cat", "Sqrt"}
DEPTH = 64  # nodes looked at from the loss downwards
CLOSE = 1e-5  # to a whole number: a target recovered from prediction - target is rounded so


@dataclass
class Term:
    """One recognised loss in a (composed) loss. Tensors are detached; shapes are those before any broadcasting."""

    loss: str
    node: Node
    operations: list[str] = field(default_factory=list)  # from the loss towards the last layer, reshapes and picks left out
    softmax_sizes: list[int] = field(default_factory=list)
    expanded: bool = False  # the prediction was broadcast on its way
    meant: bool = False  # the axis along which it was broadcast was put in for that: (N, 1, D) against (1, K, D)
    across_examples: bool = False  # softmax was taken down the examples, not along the classes
    masked: bool = False  # some of its values were chosen or weighed before they were added up
    units: int | None = None  # outputs of the layer with trained weights right below it
    prediction: Tensor | None = None
    target: Tensor | None = None
    weight: Tensor | None = None
    prediction_shape: tuple[int, ...] = ()
    target_shape: tuple[int, ...] = ()
    sign: int = 1  # -1 where backward() was called on the negative of the loss; 0 where that is not known

    def facts(self) -> dict[str, Any]:
        """What rules need to know of the term, as plain values that change only when the script's loss does."""
        return {
            "loss": self.loss, "operations": self.operations, "softmax_sizes": self.softmax_sizes,
            "prediction_shape": list(self.prediction_shape)[1:], "target_shape": list(self.target_shape)[1:],
            "prediction_dims": len(self.prediction_shape), "target_dims": len(self.target_shape),
            "both_broadcast": self.both_broadcast(), "target": describe(self.target) if self.target is not None else None,
            "above_zero": self.loss == "nll" and self.prediction is not None and bool((self.prediction > 1e-6).any()),
            "normalized": self.normalized(), "across_examples": self.across_examples and self.is_wrong_axis(), "masked": self.masked,
            "units": self.units, "reduced": shape(self.node) == (), "sign": self.sign,
        }

    def is_wrong_axis(self) -> bool:
        """Whether the axis that softmax was taken along is not that of the classes."""
        if self.normalized() is not None:
            return self.normalized() is False
        return self.target is not None and self.operations[0] == "Softmax" and describe(self.target) == "one-hot"

    def normalized(self) -> bool | None:
        """Whether the logarithms that a cross-entropy is taken of belong to probabilities that add up to 1.

        None for other losses, and where they are no numbers.
        """
        if self.loss not in ("nll", "soft_cross_entropy") or self.prediction is None or self.prediction.dim() < 2:
            return None
        across = 1 if self.loss == "nll" else -1
        near = 0.2 if self.prediction.dtype in (torch.float16, torch.bfloat16) else 0.02
        sums = self.prediction.detach().float().exp().sum(across)
        return bool(((sums - 1).abs() < near).all()) if bool(sums.isfinite().all()) else None

    def both_broadcast(self) -> bool:
        """Whether prediction and target were each repeated along an axis that the other has: (N, 1) against (N,)."""
        if self.prediction is None or self.target is None or not self.expanded or self.meant:
            return False
        ours, theirs = ({i for i, (n, s) in enumerate(zip(t.shape, t.stride(), strict=True)) if n > 1 and s == 0}
                        for t in (self.prediction, self.target))
        return bool(ours - theirs) and bool(theirs - ours)


def describe(target: Tensor) -> str:
    """What kind of target it is: classes, one-hot, binary or real."""
    if not target.is_floating_point():
        return "classes"
    if not bool(((target == 0) | (target == 1)).all()):
        return "real"
    rows = target.reshape(len(target), -1) if target.dim() else target.reshape(1, 1)
    if rows.shape[1] > 1:
        return "one-hot" if bool((rows.sum(1) == 1).all()) else "many binary"
    return "binary"


def terms(root: Node) -> list[Term]:
    """The recognised losses that a root adds up."""
    found: list[Term] = []
    seen = {root}
    queue: list[tuple[Node, int, bool]] = [(root, 1, False)]
    while queue and len(seen) < DEPTH:
        node, sign, masked = queue.pop(0)
        term = recognise(node)
        if term is not None:
            term.masked = masked
            read_prediction(term)
            written_out = operation(node) in ("Mul", "Gather", "Index") and term.loss in ("nll", "soft_cross_entropy")
            term.sign = -sign if written_out else sign  # such a term is the logarithm, not its negative
            found.append(term)
        elif operation(node) in REDUCTIONS or (operation(node) == "Where" and shape(node) == ()):  # a division that minds zero
            for child in inputs(node):
                if child not in seen:
                    seen.add(child)
                    queue.append((child, sign * slope(node, child), masked or is_mask(node)))
    return found


def slope(node: Node, child: Node) -> int:
    """The sign of what a node gives out with respect to one of its inputs; 0 where it hangs on values that may be meant to vary.

    So it does where a loss is weighed by rewards: of negative factors only -1 is taken for a sign.
    """
    name, first = operation(node), node.next_functions[0][0] is child
    if name == "Neg" or (name == "Sub" and not first):
        return -1
    if name not in ("Mul", "Div"):
        return 1
    factor = saved(node, "other" if first else "self")
    if not isinstance(factor, Tensor) or factor.numel() != 1 or (name == "Div" and not first):
        return 0
    return 1 if factor > 0 else -1 if factor == -1 else 0


def is_mask(node: Node) -> bool:
    """Whether an operation leaves out or weighs some of a loss's values: a choice, or a product with more than one number."""
    return operation(node) in PICKS or operation(node) == "MaskedFill" or (operation(node) == "Mul" and math.prod(shape(node)) > 1)


def recognise(node: Node) -> Term | None:
    """The loss that a node computes, torch's own or written out by hand; None where it is no loss."""
    name = operation(node)
    if name in LOSSES:
        term = Term(LOSSES[name], node, prediction=detached(saved(node, "self")), target=detached(saved(node, "target")),
                    weight=detached(saved(node, "pos_weight" if name == "BinaryCrossEntropyWithLogits" else "weight")))
        term.prediction_shape, term.target_shape = unbroadcast(term.prediction), unbroadcast(term.target)
        return term
    if name == "Sub" and (apart := divergence(node)) is not None:
        return apart
    above = inputs(node)
    squared = (name == "Pow" and saved(node, "exponent") == 2) or (name == "Mul" and len(above) == 2 and above[0] is above[1])
    if (squared or name == "Abs") and above and operation(above[0]) == "Sub":
        return by_hand("mse" if squared else "l1", above[0], detached(saved(node, "self")))
    if len(above) == 1 and name in ("Mul", "Gather", "Index") and operation(above[0]) in ("LogSoftmax", "Log"):
        return cross_entropy(name, node, above[0])
    return None


def cross_entropy(name: str, node: Node, logarithms: Node) -> Term | None:
    """A cross-entropy written out: logarithms times a distribution, or the logarithm of each example's class picked out."""
    prediction = detached(output(logarithms))
    if name == "Mul":
        target = detached(saved(node, "other", "self"))
        if target is None or target.dim() < 2 or target.shape[-1] < 2:
            return None
        if operation(logarithms) == "Log" and bool(((target.sum(-1) - 1).abs() > 1e-3).any()):
            return None  # one half of a binary cross-entropy, or an expected value
        loss = "soft_cross_entropy"
    else:
        target, loss = picked(name, node), "nll"
        if target is None or prediction is None or prediction.dim() != 2 or target.shape != prediction.shape[:1]:
            return None
    sizes = shape(logarithms), tuple(target.shape)
    return Term(loss, node, prediction=prediction, target=target, prediction_shape=sizes[0], target_shape=sizes[1])


def divergence(difference: Node) -> Term | None:
    """A Kullback-Leibler divergence t log t - t p whose p has no logarithm; one whose p has is read as a cross-entropy."""
    constant, product = (edge for edge, _ in difference.next_functions)
    if constant is not None or product is None or operation(product) != "Mul" or len(inputs(product)) != 1:
        return None
    below, target = inputs(product)[0], detached(saved(product, "other", "self"))
    if operation(below) not in ("Softmax", "Sigmoid") or target is None or target.dim() < 2 or target.shape[-1] < 2:
        return None
    if tuple(target.shape) != shape(below) or bool(((target.float().sum(-1) - 1).abs() > 1e-2).any()) or bool((target < 0).any()):
        return None
    return Term("kl_div", product, prediction=detached(output(below)), target=target, prediction_shape=shape(below),
                target_shape=tuple(target.shape))


def picked(name: str, node: Node) -> Tensor | None:
    """The class ids (examples,) of log_p.gather(1, y[:, None]) or log_p[range(N), y]; None where something else was picked."""
    if name == "Gather":
        index = detached(saved(node, "index"))
        return index[:, 0] if index is not None and index.dim() == 2 and index.shape[1] == 1 and node._saved_dim in (1, 2**64 - 1) else None
    indices: tuple[Any, ...] = getattr(node, "_saved_indices", None) or ()
    if len(indices) != 2 or any(not isinstance(i, Tensor) or i.dim() != 1 or i.is_floating_point() for i in indices):
        return None
    rows, classes = indices[0], indices[1]
    return classes if len(rows) == len(classes) and bool((rows == torch.arange(len(rows), device=rows.device)).all()) else None


def by_hand(loss: str, difference: Node, values: Tensor | None) -> Term | None:
    """The term of a difference written out, prediction - target or the reverse; `values` are the difference itself."""
    edges = [n for n, _ in difference.next_functions]
    above = inputs(difference)
    if len(above) != 1:
        return None
    sign = 1 if edges[0] is not None else -1
    source = inputs(above[0])[0] if operation(above[0]) == "Expand" and inputs(above[0]) else above[0]
    term = Term(loss, difference, prediction_shape=shape(source))
    whole = shape(difference)
    if values is not None and whole != term.prediction_shape:
        if operation(source) != "Unsqueeze" and is_table(values):
            term.expanded = True
            columns = len(term.prediction_shape) == 2 and term.prediction_shape[1] == 1
            across, down = values[:1].expand(whole), values[:, :1].expand(whole)
            term.prediction, term.target = (down, across) if columns else (across, down)
            term.target_shape = whole[1:] if columns else (whole[0], 1)
        return term
    prediction = detached(output(above[0]))
    if prediction is not None and values is not None and prediction.shape == values.shape:
        target = prediction - sign * values
        term.prediction, term.target = prediction, torch.where((target - target.round()).abs() < CLOSE, target.round(), target)
        term.target_shape = tuple(target.shape)
    return term


def is_table(differences: Tensor) -> bool:
    """Whether a square of differences is that of every prediction and every target, so that its rows differ by constants only."""
    if differences.dim() != 2 or differences.shape[0] != differences.shape[1] or len(differences) < 2:
        return False
    between = differences - differences[:1]
    return bool((between - between[:, :1]).abs().amax() <= 1e-4 * differences.abs().amax())


def read_prediction(term: Term) -> None:
    """Note the operations between a loss and the layer below it."""
    above = inputs(term.node)
    node, picked_some = above[0] if above else None, False
    for _ in range(DEPTH):
        if node is None:
            return
        name = operation(node)
        if name in LINEAR or name in RECURRENT:
            part, sizes = as_part(node), shape(node)
            if part is not None and len(sizes) > 1 and name not in RECURRENT:
                term.units = sizes[1] if "Convolution" in name else sizes[-1]
            return
        if name == "Expand" and term.prediction is not None:
            term.expanded = True
            source = next(iter(inputs(node)), None)
            term.meant = source is not None and operation(source) == "Unsqueeze" and len(shape(node)) > 2
        if name in ("Softmax", "LogSoftmax"):
            dims = shape(node)
            dim = int(node._saved_dim)
            dim -= 2**64 if dim >= 2**63 else 0
            dim = dim % len(dims) if dims else 0
            if not term.softmax_sizes and len(dims) > 1 and not picked_some:
                term.across_examples = is_across(dims, dim, term.prediction)
            term.softmax_sizes.append(dims[dim] if dims else 0)
            if term.prediction is None:
                term.prediction = detached(saved(node, "result"))
        picked_some = picked_some or name in PICKS
        if name not in RESHAPES | PICKS | {"Cat", "Stack"}:
            term.operations.append(name)
        above = inputs(node)
        if len(above) != 1 and (name not in ("Cat", "Stack") or len({operation(n) for n in above}) != 1):
            return  # where outputs of one kind are put together, the first stands for all
        node = above[0]


def is_across(dims: tuple[int, ...], dim: int, prediction: Tensor | None) -> bool:
    """Whether softmax over this axis goes down the examples. A square (examples against examples) and a column (a list) may mean it."""
    if dim == 0:
        return dims[0] != dims[1] and dims[0] > 1 and math.prod(dims[1:]) > 1
    return prediction is not None and prediction.dim() == 2 < len(dims) and dims[-1] == prediction.shape[1] != dims[dim]


def detached(tensor: Any) -> Tensor | None:
    """The tensor without its history, or None."""
    return tensor.detach() if isinstance(tensor, Tensor) else None


def unbroadcast(tensor: Tensor | None) -> tuple[int, ...]:
    """The shape without the axes along which the tensor was only repeated: leading ones vanish, inner ones become 1."""
    if tensor is None:
        return ()
    sizes = [1 if stride == 0 else size for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
    while len(sizes) > 1 and sizes[0] == 1 and tensor.shape[0] != 1:
        sizes = sizes[1:]
    return tuple(sizes)


def measure(term: Term, trivial: TrivialPredictor) -> tuple[Tensor, Tensor] | None:
    """The term's loss as a mean over the batch, and the trivial predictor's on all targets so far; None where it is unknown."""
    p, t, w = term.prediction, term.target, term.weight
    if p is None or t is None or p.numel() == 0 or term.both_broadcast() or term.normalized() is False:
        return None
    p = p.float()
    if term.loss == "nll":
        classes = p.shape[1] if p.dim() > 1 else p.shape[0]
        p = p.movedim(1, -1).reshape(-1, classes) if p.dim() > 1 else p.reshape(1, -1)
        t = t.flatten()
        ignored = getattr(term.node, "_saved_ignore_index", -100)
        keep = (t != (ignored - 2**64 if ignored >= 2**63 else ignored)) & (t >= 0) & (t < classes)
        p, t = p[keep], t[keep]
        picked = p.gather(1, t[:, None])[:, 0]
        share = w[t] if w is not None else torch.ones_like(picked)
        return -(share * picked).sum() / share.sum(), trivial.classes(t, classes, w)
    t = t.float()
    if term.loss == "soft_cross_entropy":
        return -(t * p).sum(-1).mean(), trivial.shares(t.reshape(-1, t.shape[-1]))
    if term.loss in ("bce", "bce_with_logits"):
        if bool(((t < 0) | (t > 1)).any()):
            return None
        if term.loss == "bce":
            return torch.nn.functional.binary_cross_entropy(p.clamp(0, 1), t), trivial.binary(t)
        return torch.nn.functional.binary_cross_entropy_with_logits(p, t, pos_weight=w), trivial.binary(t, w)
    if term.loss == "mse":
        return (p - t).square().mean(), trivial.squared(t)
    if term.loss == "l1":
        return (p - t).abs().mean(), trivial.deviation(t)
    return None
