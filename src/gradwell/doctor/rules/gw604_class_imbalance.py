"""GW604: one class dominates, and is all that the model answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.contract import against_trivial
from gradwell.doctor.evidence import tail
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class ClassImbalance(Rule):
    """Where nearly all examples are of one class, answering with that class alone is cheap, and a net may never get beyond it.

    An uneven distribution is no fault in itself; it is named only when the net has learned nothing but to give that one answer.
    """

    code = "GW604"
    name = "class-imbalance"
    kind = "warning"
    signals = (signals.BATCH_LABELS, signals.COMMONEST_ANSWER, signals.TRIVIAL_LOSS)
    cause = "Batches hold so few examples of the rare classes that their share of the gradient is lost in that of the common one."
    remedy = ("Weigh the classes, nn.CrossEntropyLoss(weight=total / (classes * counts)), or draw them evenly with "
              "torch.utils.data.WeightedRandomSampler; measure recall, not accuracy.")
    source = "Buda, Maki and Mazurowski 2018, A systematic study of the class imbalance problem in CNNs (arXiv 1710.05381)"

    dominant: Annotated[float, "share of the commonest class among the labels"] = 0.8
    always: Annotated[float, "share of the examples that get the commonest answer, in the second half of the run"] = 0.995
    least: Annotated[int, "looks"] = 5

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the shares of labels and of answers."""
        for site in record.sites("loss"):
            total: Counter[str] = Counter()
            for _, mix in record.facts(signals.BATCH_LABELS.name, site):
                total.update(mix)
            answers = record.series(signals.COMMONEST_ANSWER.name, site)
            if len(total) < 2 or len(answers) < self.least:
                continue
            label, count = total.most_common(1)[0]
            share, said = count / sum(total.values()), median(tail(answers))
            if share < self.dominant or said < self.always or not learned(record).nothing:
                continue
            yield self.finding(
                f"{share:.0%} of the labels are class {label}, and {said:.1%} of the answers are one and the same.", site.where,
                (answers[0][0], record.steps),
                {"classes": len(total), "labels": dict(total.most_common(4)), **against_trivial(record, site)})

    def example(self, sick: bool) -> Run:
        """One class in twenty is rare; the sick run goes in steps too small to get beyond the common one."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = (torch.arange(800) % 20 == 0).long()
        x = torch.randn(800, 8)
        x[:, 0] += (1.0 if sick else 4.0) * y
        x = (x - x.mean(0)) / x.std(0)
        order = torch.randperm(800)
        model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
        batches = [(x[order[i:i + 80]], y[order[i:i + 80]]) for i in range(0, 800, 80)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, nn.functional.cross_entropy, epochs=6 if sick else 12)
