"""What the labels of a batch are and what is answered: how the classes are mixed, how much predictions differ between examples, and
whether an input that comes back still has its label.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch.loss import Term

CLASSES = 64  # different labels of a batch beyond which they are not counted
ROWS, FEATURES = 64, 256  # of a batch's inputs that are remembered
KEPT = 4_096  # inputs that are remembered in a run
NUMBERS = ("mse", "l1", "smooth_l1")
PROBABILITIES = ("nll", "bce", "bce_with_logits")
Put = Callable[[str, int, int, Tensor], None]


class Answers:
    """Reads targets and predictions of every loss term on sampled steps."""

    def __init__(self, record: Record, put: Put) -> None:
        self._record, self._put = record, put
        self._targets: list[tuple[int, Tensor]] = []  # of one step: site, one target for each example
        self._step = 0
        self._labels: dict[tuple[int, bytes], float] = {}

    def look(self, term: Term, site: int, step: int) -> None:
        """Read one loss term."""
        target, prediction = one_each(term), term.prediction
        if target is None or len(target) < 8:
            return
        if step != self._step:
            self._step, self._targets = step, []
        self._targets.append((site, target))
        if term.loss == "nll" or (term.loss in ("bce", "bce_with_logits") and bool(((target == 0) | (target == 1)).all())):
            labels, counts = target.unique(return_counts=True)  # type: ignore[no-untyped-call]
            if len(labels) <= CLASSES:
                mix = {str(int(label)): int(count) for label, count in zip(labels.tolist(), counts.tolist(), strict=True)}
                self._record.fact(signals.BATCH_LABELS.name, site, step, mix)
        if prediction is None or prediction.shape[:1] != target.shape:
            return
        said = likelihoods(term.loss, prediction.float().reshape(len(target), -1))
        apart = signals.spread(said).amax()
        if term.loss in NUMBERS:
            apart = apart / signals.std(target.float()).clamp_min(1e-30)
        self._put(signals.OUTPUT_SPREAD.name, site, step, apart)
        if term.loss in PROBABILITIES:
            answers = said.argmax(1) if said.shape[1] > 1 else (said[:, 0] > 0.5).long()
            self._put(signals.COMMONEST_ANSWER.name, site, step, answers.bincount().amax() / len(answers))

    def inputs(self, x: Tensor | None, step: int) -> None:
        """Compare the inputs of a step with those seen before: the same example should still have the same label."""
        targets, self._targets = self._targets, []
        if x is None or x.dim() < 2 or not x.is_floating_point() or step != self._step:
            return
        for site, target in targets:
            if len(target) == len(x):
                self._compare(site, x, target, step)

    def _compare(self, site: int, x: Tensor, target: Tensor, step: int) -> None:
        rows = x.detach()[:: max(1, len(x) // ROWS)][:ROWS].flatten(1)
        rows = rows[:, :: max(1, rows.shape[1] // FEATURES)].float().cpu()
        if bool((rows == rows[:1]).all()):
            return
        again, different, squares = 0, 0, 0.0
        values = target[:: max(1, len(x) // ROWS)][:ROWS].float().tolist()
        for row, value in zip(rows.numpy(), values, strict=True):
            key = site, row.tobytes()
            if key in self._labels:
                again, different = again + 1, different + (self._labels[key] != value)
                squares += (self._labels[key] - value) ** 2
            elif len(self._labels) < KEPT:
                self._labels[key] = value
        if again:
            known = torch.tensor([value for (place, _), value in self._labels.items() if place == site])
            facts = {"again": again, "different": different, "squares": squares, "variance": float(known.var()) if len(known) > 1 else 0.0}
            self._record.fact(signals.SEEN_AGAIN.name, site, step, facts)


def one_each(term: Term) -> Tensor | None:
    """The targets, where there is one for each example."""
    target: Any = term.target
    if target is None or term.both_broadcast():
        return None
    target = target[:, 0] if target.dim() == 2 and target.shape[1] == 1 else target
    return target if target.dim() == 1 else None


def likelihoods(loss: str, prediction: Tensor) -> Tensor:
    """Predictions (examples, outputs) as probabilities, where the loss is one of probabilities."""
    return prediction.exp() if loss == "nll" else prediction.sigmoid() if loss == "bce_with_logits" else prediction
