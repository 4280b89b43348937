"""GW104: a linear layer feeds a linear layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class MissingNonlinearity(Rule):
    """Two linear layers with nothing nonlinear between them compute what one linear layer could: W2 (W1 x) = (W2 W1) x.

    A narrow layer between two wider ones is a note: it is a factorisation made on purpose (LoRA, a bottleneck). The projections of
    attention, grouped convolutions, kernels of one row or column, and a first layer whose output is used elsewhere, too, are left out.
    """

    code = "GW104"
    name = "missing-nonlinearity"
    kind = "error"
    signals = (signals.LINEAR_PAIRS,)
    cause = "Between the two layers there is no activation function, only reshaping, dropout or pooling by mean."
    remedy = "Put an activation between the two: nn.ReLU() after the first layer, or x = F.relu(self.first(x)). Or remove one of the two."
    source = "Goodfellow, Bengio and Courville 2016, Deep Learning, section 6.1: linear layers in a row are a linear function of the input"

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at every pair that was seen, but for those whose second layer takes data at other times: a critic that judges outputs."""
        sites = {site.id: site for site in record.sites()}
        takes_data = {(site.module, site.file, site.line) for site in record.sites("input")}
        found: dict[tuple[int, int], tuple[int, dict[str, Any]]] = {}
        for step, pairs in record.facts(signals.LINEAR_PAIRS.name):
            for pair in pairs:
                found.setdefault((pair["from"], pair["to"]), (step, pair))
        for since, pair in found.values():
            first, second = sites[pair["from"]], sites[pair["to"]]
            if pair["attention"] or pair["grouped"] or pair["shared"] or (second.module, second.file, second.line) in takes_data:
                continue
            sides = pair["entering"], pair["leaving"]
            narrow = pair["inner"] < (max(sides) if pair["joined"] else min(sides))
            widths = f"{pair['entering']} -> {pair['inner']} -> {pair['leaving']}"
            cause = "The layer between is narrower than both its sides, as in a factorised weight or a linear bottleneck; it may be meant."
            yield self.finding(
                f"{first.module} feeds {second.module} with nothing nonlinear between them: the two are one linear layer.",
                first.where, (since, record.steps), {"layers": f"{first.where} -> {second.where}", "widths": widths},
                "note" if narrow else "error", fix=Fix(f"put nn.ReLU after {first.module}", partial(activate, path=first.module)),
                **({"cause": cause} if narrow else {}))

    def example(self, sick: bool) -> Run:
        """XOR of two signs, which no linear function can tell; the sick net has no activation."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(480, 2)
        y = (x[:, 0] * x[:, 1] > 0).long()
        middle = [] if sick else [nn.ReLU()]
        model = nn.Sequential(nn.Linear(2, 32), *middle, nn.Linear(32, 2))
        batches = [(x[i:i + 48], y[i:i + 48]) for i in range(0, 480, 48)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.functional.cross_entropy, epochs=8)


def activate(run: Run, path: str) -> None:
    """Put nn.ReLU behind the module at a path of the model; change nothing where there is none."""
    from torch import nn

    if path in {name for name, _ in run.model.named_modules() if name}:
        above, _, name = path.rpartition(".")
        setattr(run.model.get_submodule(above), name, nn.Sequential(run.model.get_submodule(path), nn.ReLU()))
