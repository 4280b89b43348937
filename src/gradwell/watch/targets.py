"""What the targets of a loss look like beside its predictions: their range and size, and what of them the last activation can reach."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.watch import sample
from gradwell.watch.graph import LINEAR, Node, inputs, operation, saved
from gradwell.watch.loss import Term

Put = Callable[[str, int, int, Tensor], None]
BOUNDS = {"Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Hardsigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Relu": (0.0, math.inf),
          "Softplus": (0.0, math.inf), "Exp": (0.0, math.inf), "LogSigmoid": (-math.inf, 0.0), "LogSoftmax": (-math.inf, 0.0)}
ERRORS = ("mse", "l1", "smooth_l1")
BINARY = ("bce", "bce_with_logits")


class Targets:
    """Puts the numbers of the targets of every loss term; keeps sums and, for classes, counts."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._sums: dict[int, tuple[Tensor, Tensor, Tensor]] = {}  # of the targets: how many, their sum, their squares
        self._counts: dict[int, Tensor] = {}

    def look(self, term: Term, site: int, step: int) -> None:
        """Read one loss term on a sampled step."""
        if term.target is None or term.target.numel() == 0 or term.both_broadcast() or len(inputs(term.node)) != 1:
            return  # where both sides are computed, neither is the target
        if term.loss in ERRORS or term.loss in BINARY:
            self._numbers(term, site, step, sample.flat(term.target))
        elif term.loss == "nll" and term.prediction is not None and term.prediction.dim() > 1:
            self._classes(term.target, term.prediction.shape[1], site, step)
        elif term.loss == "soft_cross_entropy":
            self._put(signals.MANY_HOT.name, site, step, many_hot(term.target))

    def _numbers(self, term: Term, site: int, step: int, target: Tensor) -> None:
        numbers = {signals.TARGET_LEAST: target.amin(), signals.TARGET_MOST: target.amax(), signals.TARGET_MEAN: target.mean(),
                   signals.TARGET_STD: signals.std(target)}
        if term.prediction is not None and term.prediction.numel():
            prediction = sample.flat(term.prediction)
            numbers |= {signals.PREDICTION_MEAN: prediction.mean(), signals.PREDICTION_STD: signals.std(prediction)}
        fed = head_input(term.node)
        if fed is not None:
            numbers[signals.HEAD_INPUT] = sample.flat(fed).square().mean().sqrt()
        bounds = BOUNDS.get(term.operations[0]) if term.operations else None
        if bounds is not None and term.loss in ERRORS:
            spread = self._variance(site, target)
            away = out_of_reach(target, *bounds)
            beyond = 0.05 * (bounds[1] - bounds[0]) if math.isfinite(bounds[1] - bounds[0]) else 0.05 * spread.sqrt()
            shortfall = away.square().mean()
            numbers |= {signals.UNREACHABLE: (away > beyond).float().mean(), signals.SHORTFALL: shortfall / (shortfall + spread)}
        for signal, number in numbers.items():
            self._put(signal.name, site, step, number)

    def _variance(self, site: int, target: Tensor) -> Tensor:
        """The variance of all targets seen so far."""
        now = target.new_tensor(float(target.numel())), target.sum(), target.square().sum()
        before = self._sums.get(site)
        n, total, squares = self._sums[site] = now if before is None else (before[0] + now[0], before[1] + now[1], before[2] + now[2])
        return (squares / n - (total / n).square()).clamp_min(1e-12)

    def _classes(self, target: Tensor, classes: int, site: int, step: int) -> None:
        ids = target.flatten()
        counts = torch.bincount(ids[(ids >= 0) & (ids < classes)], minlength=classes)
        before = self._counts.get(site)
        self._counts[site] = counts = counts if before is None or len(before) != classes else before + counts
        self._put(signals.CLASSES_SEEN.name, site, step, (counts > 0).sum().float())
        self._put(signals.LABELS_SEEN.name, site, step, counts.sum().float())


def out_of_reach(target: Tensor, low: float, high: float) -> Tensor:
    """How far each target lies outside a range."""
    return (low - target).clamp_min(0) + (target - high).clamp_min(0)


def many_hot(target: Tensor) -> Tensor:
    """The share of rows of 0 and 1 with more than one 1; 0 where the targets are something else."""
    binary = ((target == 0) | (target == 1)).all()
    return (target.float().sum(-1) >= 2).float().mean() * binary


def below(node: Node | None, most: int = 16) -> Node | None:
    """The layer below a loss on its one path through activations and reshapes; None where the path branches."""
    for _ in range(most):
        if node is None or operation(node) in LINEAR:
            return node
        above = inputs(node)
        node = above[0] if len(above) == 1 else None
    return None


def head_input(node: Node) -> Tensor | None:
    """What goes into the last layer before a loss, where the graph kept it."""
    layer = below(node)
    kept = saved(layer, "mat1", "self", "input") if layer is not None else None
    return kept.detach() if isinstance(kept, Tensor) and kept.is_floating_point() and kept.layout == torch.strided else None
