"""GW901: the ranks of a run hold different weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Severity
from gradwell.doctor.ranks import Series, at, by_rank, named, of_run, ranks
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.together import Together

CAUSES = {
    "begun": "They differed before the first update: they were loaded, initialised or moved on some ranks only after DDP had copied those "
             "of rank 0, or DDP was built with init_sync=False.",
    "gradients": "The optimizer used gradients that were not averaged over the ranks: the loss was computed past DDP's own forward "
                 "(`model.module(x)`, or the model that was wrapped), every backward pass of the step ran inside `no_sync()`, or "
                 "`p.grad` was changed on some ranks after the backward pass.",
    "rates": "The ranks update with different learning rates.",
    "updates": "The gradients were the same and the updates were not: the optimizers differ in their state or their options, or the "
               "weights were changed by hand on some ranks.",
    "own": "Nothing keeps the weights of the ranks the same: the model is not wrapped in DistributedDataParallel.",
    "apart": "The ranks average their gradients, but began with different weights, which nobody copied from rank 0.",
}


@dataclass(frozen=True)
class RanksDiverged(Rule):
    """Ranks that hold different weights compute gradients of different models, and averaging those is no step downhill for any of them.

    DDP keeps the weights the same to the last bit: it copies them once and averages every gradient. Each rank notes a fingerprint of
    its weights at the same steps, and these are compared when the run is read. Where no DDP is used, and the gradients are not the same
    either, it is a note: perhaps each rank is meant to train a model of its own.
    """

    code = "GW901"
    name = "ranks-diverged"
    kind = "error"
    signals = (signals.REPLICA, signals.OWN_WEIGHTS, signals.SHARING, signals.GRADIENT_NORM, signals.PARAMETER_GRADIENT,
               signals.LEARNING_RATE)
    cause = "The weights of the ranks were not kept the same."
    remedy = ("Wrap the finished, loaded model once, `ddp = DistributedDataParallel(model)`; compute every training loss as `ddp(x)`, not "
              "`model(x)` or `ddp.module(x)`; leave `no_sync()` for the last backward pass before an update; give all ranks the same "
              "optimizer options.")
    source = "Li et al. 2020, PyTorch Distributed (arXiv 2006.15704), section 3.2; torch DistributedDataParallel, warnings"
    consequences = ("GW903",)

    rounding: Annotated[float, "relative difference that different devices may make"] = 1e-6
    least: Annotated[int, "steps that all ranks read, where no DDP is used"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the fingerprints of every weight over the ranks."""
        together = ranks(record)
        if len(together) < 2:
            return
        signal = signals.REPLICA if record.series(signals.REPLICA.name) else signals.OWN_WEIGHTS
        every = {site: by_rank(together, signal.name, site) for site in record.sites("parameter")}
        compared = {site: series for site, series in every.items() if any(series.values())}
        first = {site: step for site, series in compared.items() if (step := self.parted(series)) is not None}
        if not first:
            return
        step = min(first.values())
        apart = [site for site in first if first[site] == step]
        norms = of_run(together, signals.GRADIENT_NORM.name)
        severity: Severity = "error"
        if signal is signals.REPLICA:
            cause = self.reason(together, apart[0], step)
        elif next(record.facts(signals.SHARING.name), None) is not None or len(next(iter(norms.values()), {})) < self.least:
            return  # shards, and stages of a pipeline, are not alike
        else:
            shared = self.parted(norms) is None
            severity, cause = ("error", "apart") if shared else ("note", "own")
        values = [one[step] for one in compared[apart[0]].values()]
        evidence: dict[str, object] = {
            "ranks": len(together), "weights that differ": f"{len(apart)} of {len(compared)}",
            "largest difference of their fingerprints": f"{(max(values) - min(values)) / max(values):.2g}"}
        when = max(step, 1)
        if all(when in one for one in norms.values()):
            evidence[f"gradient norm by rank, step {when}"] = at(norms, when)
        title = (f"Each of {len(together)} ranks trains a model of its own" if severity == "note"
                 else f"{named(together).capitalize()} hold different weights")
        yield self.finding(f"{title} {'before the first update' if step == 0 else f'after step {step}'}.", apart[0].where,
                           (step, record.steps), evidence, severity, cause=CAUSES[cause])

    def parted(self, series: Series) -> int | None:
        """The first step at which the ranks read different numbers; None where they never do."""
        for step in next(iter(series.values()), {}):
            values = [one[step] for one in series.values()]
            if max(values) - min(values) > self.rounding * max(map(abs, values)):
                return step
        return None

    def reason(self, together: dict[int, Record], site: Site, step: int) -> str:
        """Which of the things that should be the same on all ranks is not."""
        if step == 0:
            return "begun"
        for signal, reason in ((signals.PARAMETER_GRADIENT, "gradients"), (signals.GRADIENT_NORM, "gradients"),
                               (signals.LEARNING_RATE, "rates")):
            at_place = by_rank(together, signal.name, site) if signal is signals.PARAMETER_GRADIENT else of_run(together, signal.name)
            if (since := self.parted(at_place)) is not None and since <= step:
                return reason
        return "updates"

    def example(self, sick: bool) -> Run:
        """Two ranks, each with half of the examples; in the sick run the loss is computed past DDP."""
        import torch
        from torch import distributed, nn
        from torch.nn.parallel import DistributedDataParallel

        def train(run: Run) -> None:
            ddp = DistributedDataParallel(run.model)
            for _ in range(run.epochs):
                for x, y in list(run.batches)[distributed.get_rank()::2]:
                    run.optimizer.zero_grad()
                    output = ddp.module(x) if sick else ddp(x)
                    run.loss(output, y).backward()
                    run.optimizer.step()

        torch.manual_seed(0)
        x = torch.randn(480, 2)
        y = (x.square().sum(1) > 1.4).long()
        model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 480, 24)]
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        return Run(model, optimizer, batches, nn.functional.cross_entropy, epochs=8, loop=Together(self.code, sick, train))
