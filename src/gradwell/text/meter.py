"""How good predictions are: precision and recall together, by label and at every threshold, confusion, calibration.

Definitions are those of fastText's meter.cc: micro-averaged, and not a number where there is nothing to divide by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.errors import OptionError
from gradwell.text.dictionary import Floats, Ints, Longs

NAN = float("nan")
MISSED = -1.0  # the score of a true label that was not among those predicted


@dataclass(frozen=True, eq=False)
class Meter:
    """Predictions beside the truth. ids, scores: (lines, k), -1 where fewer were predicted; gold: each line's labels."""

    ids: Ints
    scores: Floats
    gold: Sequence[Ints]
    labels: Sequence[str]

    @property
    def n(self) -> int:
        """Lines compared."""
        return len(self.gold)

    @cached_property
    def pairs(self) -> tuple[Ints, Floats, npt.NDArray[np.bool_]]:
        """Of everything predicted: the label, its score, and whether it is true."""
        there = self.ids >= 0
        line = np.nonzero(there)[0]
        label = self.ids[there]
        size = max(len(self.labels), 1)
        true = np.isin(line * size + label, np.repeat(np.arange(self.n), [len(g) for g in self.gold]) * size + self.all_gold)
        return label, self.scores[there], true

    @cached_property
    def all_gold(self) -> Longs:
        """The true labels of all lines, one after the other."""
        return np.concatenate([np.empty(0, np.int64), *self.gold]).astype(np.int64)

    @cached_property
    def counts(self) -> tuple[Longs, Longs, Longs]:
        """Of each label, how often it was true, predicted, and both."""
        label, _, true = self.pairs
        size = len(self.labels)
        return np.bincount(self.all_gold, minlength=size), np.bincount(label, minlength=size), np.bincount(label[true], minlength=size)

    def of(self, label: str | None) -> tuple[int, int, int]:
        """How often a label, or any label, was true, predicted, and both."""
        gold, predicted, both = self.counts
        if label is None:
            return int(gold.sum()), int(predicted.sum()), int(both.sum())
        i = self.index(label)
        return int(gold[i]), int(predicted[i]), int(both[i])

    def index(self, label: str) -> int:
        """The id of a label."""
        if label not in self.labels:
            raise OptionError(f"{label!r} is not a label of this model; it has {len(self.labels)}, such as {', '.join(self.labels[:5])}")
        return self.labels.index(label)

    def precision(self, label: str | None = None) -> float:
        """The share of what was predicted that is true."""
        _, predicted, both = self.of(label)
        return both / predicted if predicted else NAN

    def recall(self, label: str | None = None) -> float:
        """The share of what is true that was predicted."""
        gold, _, both = self.of(label)
        return both / gold if gold else NAN

    def f1(self, label: str | None = None) -> float:
        """The harmonic mean of precision and recall."""
        gold, predicted, both = self.of(label)
        return 2 * both / (predicted + gold) if predicted + gold and (label is not None or both) else NAN

    def by_label(self) -> dict[str, dict[str, float]]:
        """Precision, recall and F1 of every label."""
        gold, predicted, both = (np.asarray(count, float) for count in self.counts)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.stack([both / predicted, both / gold, 2 * both / (predicted + gold)], 1).tolist()
        names = ("precision", "recall", "f1score")
        return {label: dict(zip(names, row, strict=True)) for label, row in zip(self.labels, values, strict=True)}

    def scores_and_truth(self, label: str | None = None) -> tuple[Floats, Floats]:
        """Every score given to a label, from low to high, and whether it was true; a true label not predicted scores -1."""
        found, score, true = self.pairs
        size = max(len(self.labels), 1)
        gold_line = np.repeat(np.arange(self.n), [len(g) for g in self.gold])
        there = self.ids >= 0
        missed = ~np.isin(gold_line * size + self.all_gold, np.nonzero(there)[0] * size + self.ids[there])
        which = np.concatenate([found, self.all_gold[missed]])
        scores = np.concatenate([score, np.full(missed.sum(), MISSED)]).astype(np.float32)
        truth = np.concatenate([true, np.ones(missed.sum())]).astype(np.float32)
        if label is not None:
            mine = which == self.index(label)
            scores, truth = scores[mine], truth[mine]
        order = np.lexsort((truth, scores))
        return scores[order], truth[order]

    def precision_recall_curve(self, label: str | None = None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Precision and recall at every threshold, from the highest down to where everything that can be found is; then (1, 0)."""
        scores, truth = self.scores_and_truth(label)
        scores, truth = scores[::-1][: int((scores >= 0).sum())], truth[::-1][: int((scores >= 0).sum())]
        if not len(scores):
            return np.empty(0), np.empty(0)
        last = np.append(scores[1:] != scores[:-1], True)  # equal scores count as one threshold
        true = np.cumsum(truth, dtype=np.float64)[last]
        false = np.cumsum(1 - truth, dtype=np.float64)[last]
        golds = self.of(label)[0]
        stop = min(int(np.searchsorted(true, golds)) + 1, len(true))
        recall = true / golds if golds else np.full(len(true), NAN)
        return np.append((true / (true + false))[:stop], 1.0), np.append(recall[:stop], 0.0)

    def precision_at_recall(self, recall: float, label: str | None = None) -> float:
        """The best precision with at least this recall."""
        p, r = self.precision_recall_curve(label)
        return float(p[r >= recall].max(initial=0.0))

    def recall_at_precision(self, precision: float, label: str | None = None) -> float:
        """The best recall with at least this precision."""
        p, r = self.precision_recall_curve(label)
        return float(r[p >= precision].max(initial=0.0))

    def confusion(self) -> Longs:
        """(labels, labels): how often each true label (row) was answered with each label (column); lines of one label only."""
        matrix = np.zeros((len(self.labels), len(self.labels)), np.int64)
        single = [i for i, gold in enumerate(self.gold) if len(gold) == 1 and self.ids[i, 0] >= 0]
        np.add.at(matrix, (np.array([self.gold[i][0] for i in single], int), self.ids[single, 0]), 1)
        return matrix

    def calibration(self, bins: int = 10) -> list[dict[str, Any]]:
        """For each tenth of the first answer's probability: how many lines, the mean probability, and the share that is right.

        Where the two agree, a probability can be taken at its word (Guo et al. 2017).
        """
        score = self.scores[:, 0] if self.n else np.empty(0)
        right = np.array([self.ids[i, 0] in gold for i, gold in enumerate(self.gold)], bool)
        place = np.minimum((score * bins).astype(int), bins - 1)
        rows = []
        for b in range(bins):
            mine = place == b
            if mine.any():
                mean, share = float(score[mine].mean()), float(right[mine].mean())
                rows.append({"from": b / bins, "to": (b + 1) / bins, "lines": int(mine.sum()), "probability": mean, "right": share})
        return rows

    def calibration_error(self, bins: int = 10) -> float:
        """The mean distance between probability and share that is right, over lines (expected calibration error)."""
        return float(sum(row["lines"] * abs(row["probability"] - row["right"]) for row in self.calibration(bins)) / max(self.n, 1))
