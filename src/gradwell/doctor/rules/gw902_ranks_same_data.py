"""GW902: several ranks train on the same batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.ranks import at, named, of_run, ranks
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.together import Together

SPLIT = ("DDP", "FSDP")  # where every rank is meant to take other examples; tensor-parallel ranks must take the same


@dataclass(frozen=True)
class RanksSameData(Rule):
    """Ranks that take the same batches compute the same gradient several times, so all but one of them work for nothing.

    The batch is then as large as that of one rank, and an epoch takes as many steps. Each rank notes a fingerprint of its inputs and
    targets at the same steps, and these are compared when the run is read.
    """

    code = "GW902"
    name = "ranks-same-data"
    kind = "error"
    signals = (signals.BATCH, signals.SHARING, signals.LOSS)
    cause = "Every rank reads the whole dataset, in the same order."
    remedy = ("Give each rank its share: DataLoader(dataset, sampler=DistributedSampler(dataset)) with sampler.set_epoch(epoch) before "
              "each epoch. Where batches are made at random, seed each rank differently: torch.manual_seed(seed + rank).")
    source = "torch.utils.data.distributed.DistributedSampler; Goyal et al. 2017, Large Minibatch SGD (arXiv 1706.02677), section 3"

    least: Annotated[int, "steps that all ranks read"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for ranks whose batches were the same at every step that was compared."""
        together = ranks(record)
        for site in record.sites("model"):
            sharing = next((fact for _, fact in record.facts(signals.SHARING.name, site) if fact["kind"] in SPLIT), None)
            if sharing is None:
                continue
            batches = of_run({rank: one for rank, one in together.items() if rank in sharing["ranks"]}, signals.BATCH.name)
            alike: dict[tuple[float, ...], list[int]] = defaultdict(list)
            for rank, series in batches.items():
                if len(series) >= self.least and all(value == value for value in series.values()):
                    alike[tuple(series.values())].append(rank)
            same = max(alike.values(), key=len, default=[])
            if len(same) < 2:
                continue
            steps = list(batches[same[0]])
            losses = of_run({rank: together[rank] for rank in same}, signals.LOSS.name)
            yield self.finding(
                f"{named(same).capitalize()} of {len(sharing['ranks'])} trained on the same batch at each of {len(steps)} steps compared.",
                site.where, (steps[0], steps[-1]), {"ranks": len(sharing["ranks"]), "steps compared": len(steps),
                                                    f"losses, step {steps[0]}": at(losses, steps[0])})
            return

    def example(self, sick: bool) -> Run:
        """Two ranks; in the sick run each takes all batches, in the healthy one every other."""
        import torch
        from torch import distributed, nn
        from torch.nn.parallel import DistributedDataParallel

        def train(run: Run) -> None:
            model, batches = DistributedDataParallel(run.model), list(run.batches)
            for _ in range(run.epochs):
                for x, y in batches if sick else batches[distributed.get_rank()::2]:
                    run.optimizer.zero_grad()
                    run.loss(model(x), y).backward()
                    run.optimizer.step()

        torch.manual_seed(0)
        x = torch.randn(480, 2)
        y = (x.square().sum(1) > 1.4).long()
        model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 480, 24)]
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        return Run(model, optimizer, batches, nn.functional.cross_entropy, epochs=8, loop=Together(self.code, sick, train))
