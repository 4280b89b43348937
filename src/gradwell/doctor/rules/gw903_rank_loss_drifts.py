"""GW903: the loss of one rank stays above that of the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Severity
from gradwell.doctor.learned import course, learned, level, speaking, window
from gradwell.doctor.ranks import ranks
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.together import Together


@dataclass(frozen=True)
class RankLossDrifts(Rule):
    """All ranks have the same weights, so where one of them ends with a much higher loss, its examples are not like the others'.

    What is compared is how far the loss came: the gap at the end, against the way that the other ranks' loss has gone since the
    beginning, and against the noise of both. It is a warning where that rank's loss is no better than what ignoring the inputs gives.
    """

    code = "GW903"
    name = "rank-loss-drifts"
    kind = "warning"
    signals = (signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "That rank's examples differ from the others': a damaged or mislabelled shard, another preprocessing, another order of labels."
    remedy = ("Look at the batches of that rank beside those of another one; check the files it reads. If the shards differ by nature, "
              "mix the examples before they are dealt out to the ranks.")
    source = "as SPMD training assumes: every rank draws from one distribution (Li et al. 2020, arXiv 2006.15704, section 2.2)"

    gap: Annotated[float, "of the way that the other ranks' loss has gone"] = 0.5
    sure: Annotated[float, "standard errors of the gap"] = 5.0
    least: Annotated[int, "readings of the loss at the end"] = 5

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare where the loss of each rank ended with where that of the others did."""
        losses = {rank: course(one) for rank, one in ranks(record).items()}
        if len(losses) < 2 or any(window(one) < self.least for one in losses.values()):
            return
        ends = {rank: level([value for _, value in one[-window(one):]]) for rank, one in losses.items()}
        worst = max(ends, key=lambda rank: ends[rank][0])
        rest = [rank for rank in ends if rank != worst]
        usual, error = median(ends[rank][0] for rank in rest), max(ends[rank][1] for rank in rest)
        begun = median(level([value for _, value in losses[rank][:window(losses[rank])]])[0] for rank in rest)
        apart = ends[worst][0] - usual
        if begun <= usual or apart < self.gap * (begun - usual) or apart < self.sure * math.hypot(error, ends[worst][1]):
            return
        place = speaking(record)
        if place is None:
            return
        severity: Severity = "warning" if learned(ranks(record)[worst]).nothing else "note"
        yield self.finding(
            f"The loss of rank {worst} ends at {ends[worst][0]:.3g}, that of the other ranks at {usual:.3g}.",
            place[0].where, (losses[worst][-window(losses[worst])][0], record.steps),
            {"rank": worst, "losses at the end, by rank": ", ".join(f"{ends[rank][0]:.3g}" for rank in ends),
             "other ranks at the beginning": f"{begun:.3g}"}, severity)

    def example(self, sick: bool) -> Run:
        """Two ranks with half of the examples each; in the sick run the labels of rank 1 are shuffled."""
        import torch
        from torch import distributed, nn
        from torch.nn.parallel import DistributedDataParallel

        def train(run: Run) -> None:
            model, rank = DistributedDataParallel(run.model), distributed.get_rank()
            for _ in range(run.epochs):
                for x, y in list(run.batches)[rank::2]:
                    run.optimizer.zero_grad()
                    run.loss(model(x), y.roll(1) if sick and rank == 1 else y).backward()
                    run.optimizer.step()

        torch.manual_seed(0)
        y = torch.randint(0, 2, (960,))
        x = torch.randn(960, 8) + y[:, None] - 0.5
        model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
        batches = [(x[i:i + 48], y[i:i + 48]) for i in range(0, 960, 48)]
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        return Run(model, optimizer, batches, nn.functional.cross_entropy, epochs=6, loop=Together(self.code, sick, train))
