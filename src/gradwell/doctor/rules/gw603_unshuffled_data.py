"""GW603: batches are ordered by label."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class UnshuffledData(Rule):
    """When each batch holds examples of one class only, every update teaches the net to answer with that class, whatever the input.

    The labels of each batch are compared with what a random batch of that size would hold, by the entropy of their mixture.
    """

    code = "GW603"
    name = "unshuffled-data"
    kind = "error"
    signals = (signals.BATCH_LABELS,)
    cause = "The examples come in the order of their labels, as they lie in the file, and are not shuffled."
    remedy = "Shuffle them anew in every epoch: DataLoader(dataset, shuffle=True), or order = torch.randperm(len(x)), x[order], y[order]."
    source = ("Bottou 2012, Stochastic Gradient Descent Tricks, section 3: shuffle the examples; LeCun et al. 1998, Efficient BackProp, "
              "section 4.2")
    consequences = ("GW203", "GW402", "GW410", "GW413", "GW604", "GW605", "GW606")

    least: Annotated[int, "batches looked at"] = 5
    size: Annotated[int, "labels of a batch"] = 8
    mixed: Annotated[float, "entropy of a batch's labels, relative to that of a random batch"] = 0.5
    nearly_all: Annotated[float, "share of the batches that must lie below it"] = 0.9

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare every batch's mixture of labels with that of all batches together."""
        for site in record.sites("loss"):
            batches = [(step, mix) for step, mix in record.facts(signals.BATCH_LABELS.name, site) if sum(mix.values()) >= self.size]
            total: Counter[str] = Counter()
            for _, mix in batches:
                total.update(mix)
            if len(batches) < self.least or len(total) < 2:
                continue
            size = round(sum(total.values()) / len(batches))
            chance = expected(total, size)
            shares = [entropy(mix) / chance for _, mix in batches] if chance > 0.1 else []
            sorted_ones = sum(share < self.mixed for share in shares)
            if not shares or sorted_ones < self.nearly_all * len(shares) or max(total.values()) > 0.9 * sum(total.values()):
                continue
            typical = sorted(len(mix) for _, mix in batches)[len(batches) // 2]
            yield self.finding(
                f"{sorted_ones} of {len(batches)} batches looked at hold far fewer classes than a random batch would.",
                site.where, (batches[0][0], record.steps),
                {"classes in a batch": typical, "classes in all": len(total), "examples in a batch": size,
                 "mixture, 1 is a random batch": f"{abs(sorted(shares)[len(shares) // 2]):.2f}"},
                fix=Fix("shuffle the examples", shuffle))

    def example(self, sick: bool) -> Run:
        """Four blobs; the sick run takes them one after the other."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(4).repeat_interleave(120)
        x = torch.randn(480, 2) + 3 * torch.stack([(y % 2).float(), (y // 2).float()], 1)
        x = (x - x.mean(0)) / x.std(0)
        order = torch.arange(480) if sick else torch.randperm(480)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4))
        batches = [(x[order[i:i + 40]], y[order[i:i + 40]]) for i in range(0, 480, 40)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.functional.cross_entropy, epochs=5)


def entropy(counts: Mapping[str, int]) -> float:
    """The entropy, in nats, of a mixture of labels."""
    whole = sum(counts.values())
    return -sum(n / whole * math.log(n / whole) for n in counts.values() if n)


def expected(total: Mapping[str, int], size: int) -> float:
    """The entropy that the labels of a random batch of a size have on average: each label's count is binomial."""
    whole, mean = sum(total.values()), 0.0
    for n in total.values():
        p = n / whole
        for k in range(1, size + 1):
            if 0 < p < 1:
                log = math.lgamma(size + 1) - math.lgamma(k + 1) - math.lgamma(size - k + 1) + k * math.log(p) + (size - k) * math.log1p(-p)
                mean -= math.exp(log) * k / size * math.log(k / size)
    return mean


def shuffle(run: Run) -> None:
    """Mix the examples of all batches, once."""
    import torch

    batches = list(run.batches)
    x, y = (torch.cat(part) for part in zip(*batches, strict=True))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    size = len(batches[0][0])
    run.batches = [(x[order[i:i + size]], y[order[i:i + size]]) for i in range(0, len(x), size)]
