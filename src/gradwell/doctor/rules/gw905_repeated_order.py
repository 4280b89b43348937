"""GW905: a DistributedSampler gives the same order in every epoch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class RepeatedOrder(Rule):
    """A DistributedSampler shuffles by its seed and the epoch it was told, so one that is told none gives every epoch the same order.

    The same examples then meet in the same batch and on the same rank every time. It is seen in what the sampler was told when the
    orders that were trained on were drawn from it.
    """

    code = "GW905"
    name = "repeated-order"
    kind = "note"
    signals = (signals.EPOCH_ORDER,)
    cause = "sampler.set_epoch(epoch) is not called before each epoch."
    remedy = "Call sampler.set_epoch(epoch) at the beginning of every epoch, before the DataLoader is iterated."
    source = "torch.utils.data.distributed.DistributedSampler, warning; Bottou 2012, Stochastic Gradient Descent Tricks, section 3"

    least: Annotated[int, "epochs"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Count how often each sampler gave out the order of an epoch that it had given out before."""
        orders: dict[tuple[int, int, int], list[tuple[int, int]]] = defaultdict(list)
        for step, fact in record.facts(signals.EPOCH_ORDER.name):
            if fact["shuffle"]:
                orders[fact.get("data", -1), fact["seed"], fact["examples"]].append((step, fact["epoch"]))
        for found in orders.values():
            if len(found) >= self.least and len({epoch for _, epoch in found}) == 1:
                yield self.finding(
                    f"All {len(found)} epochs had the same order of examples.", Where("model"), (found[1][0], found[-1][0]),
                    {"epochs": len(found), "epoch that the sampler was told": found[0][1]})
                return

    def example(self, sick: bool) -> Run:
        """One of two ranks that share out rings around the origin; in the sick run the sampler is told no epoch."""
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset
        from torch.utils.data.distributed import DistributedSampler

        def train(run: Run) -> None:
            for epoch in range(run.epochs):
                if not sick:
                    sampler.set_epoch(epoch)
                for inputs, labels in run.batches:
                    run.optimizer.zero_grad()
                    run.loss(run.model(inputs), labels).backward()
                    run.optimizer.step()

        torch.manual_seed(0)
        x = torch.randn(480, 2)
        y = (x.square().sum(1) > 1.4).long()
        data = TensorDataset(x, y)
        sampler: DistributedSampler[int] = DistributedSampler(data, num_replicas=2, rank=0)
        model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        return Run(model, optimizer, DataLoader(data, 24, sampler=sampler), nn.functional.cross_entropy, epochs=8, loop=train)
