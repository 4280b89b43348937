"""GW208: parameters that receive a gradient and belong to no optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Severity
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run

REASONS = {
    "hidden": "They lie in a plain list or dict of the model, where model.parameters() does not find them.",
    "late": "They were built or replaced after the optimizer was given its parameters, or are built anew in every forward pass.",
    "apart": "Their module is not part of the model whose parameters were given to an optimizer.",
    "left out": "The optimizer was given other parameters of the same model only.",
}


@dataclass(frozen=True)
class OrphanParameter(Rule):
    """A parameter that no optimizer holds receives gradients and never changes, so its layer stays as it was initialised.

    Weights left out on purpose (a network that only judges, a frozen part) are a note while the run learns. Whether weights are still
    torch's initial ones is seen by their distribution: even up to sharp ends, which no trained weights have.
    """

    code = "GW208"
    name = "orphan-parameter"
    kind = "error"
    signals = (signals.ORPHAN, signals.LEARNING_RATE)
    cause = "Their module was not given to any optimizer."
    remedy = ("Keep layers in nn.ModuleList, nn.ModuleDict or as attributes, build the optimizer after the model is complete, and give "
              "it every trained part: torch.optim.Adam([*encoder.parameters(), *head.parameters()]). "
              "For a part that is to stay as it is, call part.requires_grad_(False).")
    source = "pytorch/pytorch#1053, #715 and #59925; torch.nn.ModuleList documentation"
    consequences = ("GW207", "GW410", "GW605")

    recent: Annotated[float, "share of the updates looked at, the last ones, in which they must still be orphans"] = 0.25

    def check(self, record: Record) -> Iterator[Finding]:
        """Gather all orphans of the last looks, the most severe ones, into one finding."""
        looks = [step for step, _ in record.series(signals.LEARNING_RATE.name)]
        since = looks[max(0, int((1 - self.recent) * (len(looks) - 1)))] if looks else 0
        orphans: list[tuple[Site, int, int, dict[str, object]]] = []
        for site in record.sites("parameter"):
            facts = list(record.facts(signals.ORPHAN.name, site))
            if facts and facts[-1][0] >= since and facts[-1][1]["how"] != "by hand":
                orphans.append((site, facts[0][0], facts[-1][0], facts[-1][1]))
        if not orphans:
            return
        untrained = any(fact["untrained"] for *_, fact in orphans if fact["how"] == "apart")
        severities = {site.id: self.severity(record, str(fact["how"]), untrained) for site, _, _, fact in orphans}
        worst: Severity = "error" if "error" in severities.values() else "warning" if "warning" in severities.values() else "note"
        worst_ones = [orphan for orphan in orphans if severities[orphan[0].id] == worst]
        modules = list(dict.fromkeys(site.module.rpartition(".")[0] or site.module for site, *_ in worst_ones))
        numbers = sum(int(str(fact["numbers"])) for *_, fact in worst_ones)
        reasons = list(dict.fromkeys(str(fact["how"]) for *_, fact in worst_ones))
        named = ", ".join(modules[:4]) + (f" and {len(modules) - 4} more" if len(modules) > 4 else "")
        yield self.finding(
            f"{numbers:,} weights of {named} receive gradients, and no optimizer holds them.",
            worst_ones[0][0].where, (min(first for _, first, _, _ in worst_ones), record.steps),
            {"parameters": len(worst_ones), "numbers": numbers, "why": ", ".join(reasons)}, worst,
            cause=" ".join(REASONS[reason] for reason in reasons), fix=Fix("give them to the optimizer", adopt))

    @staticmethod
    def severity(record: Record, how: str, untrained: bool) -> Severity:
        """How grave it is that one parameter is an orphan, by the reason why it is."""
        if how in ("late", "hidden"):
            return "error"
        return "warning" if learned(record).nothing or (how == "apart" and untrained) else "note"

    def example(self, sick: bool) -> Run:
        """Rings around the origin; the sick net keeps its hidden layers in a plain list."""
        import torch
        from torch import Tensor, nn

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                layers = [nn.Linear(2, 16), nn.Linear(16, 16)]
                self.hidden = layers if sick else nn.ModuleList(layers)
                self.out = nn.Linear(16, 2)

            def forward(self, x: Tensor) -> Tensor:
                for layer in self.hidden:
                    x = layer(x).relu()
                out: Tensor = self.out(x)
                return out

        torch.manual_seed(0)
        x = torch.randn(240, 2)
        y = (x.square().sum(1) > 1.4).long()
        model = Net()
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.functional.cross_entropy, epochs=8)


def adopt(run: Run) -> None:
    """Give the optimizer every parameter that the loss reaches and that it does not hold."""
    from torch import nn

    held = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
    found = [p for p in run.reached() if isinstance(p, nn.Parameter) and id(p) not in held]
    if found:
        run.optimizer.add_param_group({"params": found})
