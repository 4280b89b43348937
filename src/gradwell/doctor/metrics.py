"""What a trainer told of a run: how many epochs are over, and what it measured, by the names that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.learned import finite
from gradwell.doctor.record import Record, Site

FALLING = ("loss", "error", "mse", "mae", "rmse", "perplexity", "wer", "cer")  # names of what is better the smaller it is
RISING = ("acc", "f1", "auc", "auroc", "precision", "recall", "bleu", "chrf", "rouge", "r2", "iou", "map", "score", "dice")
HELD_OUT = ("val", "valid", "validation", "eval", "evaluation", "test", "dev", "holdout")  # words for examples that are not learned from


@dataclass(frozen=True)
class Metric:
    """One metric: its name and its readings, each with its step; never empty."""

    name: str
    readings: list[tuple[int, float]]

    @property
    def best(self) -> tuple[int, float] | None:
        """The best reading, with its step; None where the name does not say whether more or less of it is better."""
        known = finite(self.readings)
        better = min if says(self.name, FALLING) else max if says(self.name, RISING) else None
        return better(known, key=lambda one: one[1]) if better and known else None


def metrics(record: Record) -> list[Metric]:
    """Every metric, in the order in which they were told."""
    found = ((site.module, record.series(signals.METRIC.name, site)) for site in record.sites("metric"))
    return [Metric(name, readings) for name, readings in found if readings]


def epochs(record: Record) -> int:
    """How many epochs are over; 0 where nobody counted them."""
    return int(max((value for _, value in record.series(signals.EPOCH.name)), default=0))


def evaluations(record: Record) -> Iterator[tuple[Site, list[tuple[int, float]]]]:
    """The losses on examples that are not learned from: those that the script computed without gradients, then those of its trainer."""
    for site in record.sites("evaluation"):
        yield site, record.series(signals.HELD_OUT.name, site)
    for site in record.sites("metric"):
        if says(site.module, ("loss",)) and says(site.module, HELD_OUT):
            yield site, record.series(signals.METRIC.name, site)


def says(name: str, words: tuple[str, ...]) -> bool:
    """Whether a name such as `val_loss`, `eval/loss` or `valid_acc_best` has one of some words in it, or one that begins with `acc`."""
    parts = [part for part in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if part]
    return any(part in words or ("acc" in words and part.startswith("acc")) for part in parts)
