"""GW301: a squared or absolute error on probabilities, for classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.contract import Chain, against_trivial, last_level, losses_where
from gradwell.doctor.cures import replace_last
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class MseOnProbabilities(Rule):
    """Squared error on a probability p sends its gradient through p (1 - p), so an answer that is surely wrong is hardly corrected.

    Cross-entropy has no such factor. Targets that are shares or pixels, not classes, are no fault.
    """

    code = "GW301"
    name = "mse-on-probabilities"
    kind = "warning"
    signals = (signals.CHAIN, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "The targets are classes (0 or 1), the outputs probabilities, and their difference is squared or taken without its sign."
    remedy = ("Remove the last nn.Softmax and use nn.CrossEntropyLoss()(output, class_ids); for one output unit remove nn.Sigmoid and "
              "use nn.BCEWithLogitsLoss()(output, target).")
    source = ("Golik, Doetsch and Ney 2013, Cross-Entropy vs. Squared Error Training: A Theoretical and Experimental Comparison; "
              "Nielsen 2015, Neural Networks and Deep Learning, chapter 3")
    consequences = ("GW201", "GW403", "GW410")

    high: Annotated[float, "share of the trivial predictor's loss; a loss that ends above it makes a warning"] = 0.5

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for softmax or sigmoid right before a squared or absolute error, with classes for targets."""
        for site, step, chain in losses_where(record, is_classification):
            last, trivial = last_level(record, site)
            if trivial is not None and trivial <= 1e-6:
                continue  # all targets are alike: a critic that is told "real" or "false"
            stuck = learned(record).nothing or (last is not None and trivial is not None and last > self.high * trivial)
            error = "squared" if chain["loss"] == "mse" else "absolute"
            function = chain["operations"][0]
            targets = "one-hot" if chain["target"] == "one-hot" else "0 or 1"
            yield self.finding(
                f"The loss is the {error} error of {function.lower()} outputs, and the targets are {targets}.",
                site.where, (step, record.steps),
                {"operations, from the loss down": function, "targets": targets, **against_trivial(record, site)},
                "warning" if stuck else "note", fix=Fix("use cross-entropy", partial(cross_entropy, function=function)))

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick net starts with its sigmoid surely wrong, and squared error hardly moves it."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = (torch.arange(240) % 2).float()[:, None]
        x = torch.randn(240, 2) + 4 * y - 2
        x = (x - x.mean(0)) / x.std(0)
        last = nn.Linear(16, 1)
        if sick:
            nn.init.constant_(last.bias, 6.0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), last, nn.Sigmoid())
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        loss = nn.functional.mse_loss if sick else nn.functional.binary_cross_entropy
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, loss, epochs=8)


def is_classification(chain: Chain) -> bool:
    """Whether probabilities are compared with classes: one-hot rows, or a single column of 0 and 1."""
    single = chain["target"] == "binary" and prod(chain["prediction_shape"]) == 1
    return (chain["loss"] in ("mse", "l1") and chain["operations"][:1] in (["Softmax"], ["Sigmoid"]) and 1 not in chain["softmax_sizes"]
            and (chain["target"] == "one-hot" or single))


def cross_entropy(run: Run, function: str) -> None:
    """Use the cross-entropy of a sigmoid's probabilities; where they are a softmax's, that of the scores below it."""
    from torch.nn import functional as F

    if function == "Sigmoid":
        run.loss = F.binary_cross_entropy
        return
    before = run.model[-1] if hasattr(run.model, "__getitem__") else None
    replace_last(run, ("Softmax",), "Identity")
    if before is not None and run.model[-1] is not before:
        run.loss = F.cross_entropy
