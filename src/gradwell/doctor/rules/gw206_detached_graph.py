"""GW206: the loss cannot reach (some of) the parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import learned
from gradwell.doctor.reach import cut, names, reaches, where
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class DetachedGraph(Rule):
    """Below a detach, an argmax or a way through numpy no gradient arrives, so the layers there stay as they were initialised.

    Features that were trained before and are cut off on purpose are a note while the run learns; whether weights are still torch's
    initial ones is seen by their distribution.
    """

    code = "GW206"
    name = "detached-graph"
    kind = "error"
    signals = (signals.REACH, signals.ROOTLESS, signals.LOSS)
    cause = "Between them and the loss stands .detach(), .data, .item(), torch.no_grad, argmax, numpy, or a tensor made anew."
    remedy = ("Keep everything from the input to the loss in torch operations: no .data, .detach() or .numpy() on the way, and no "
              "torch.tensor(value) of something computed. Where features are to stay as they are, give the optimizer the rest only.")
    source = "PyTorch documentation, autograd mechanics; Tensor.detach; requires_grad_() on a loss hides the fault"
    consequences = ("GW207", "GW410")

    share: Annotated[float, "share of a loss's backward passes that had no history"] = 0.5

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for losses without a history, and for models whose first layers ran in training and never received a gradient."""
        for loss in record.sites("loss"):
            steps = [step for step, _ in record.series(signals.ROOTLESS.name, loss)]
            passes = record.series(signals.LOSS.name, loss)
            if steps and len(steps) > self.share * len(passes):
                yield self.finding(
                    f"The loss has no history: no operation on weights led to it at {len(steps)} of {len(passes)} backward passes.",
                    loss.where, (steps[0], record.steps), {"passes without history": len(steps), "passes": len(passes)})
        models = list(reaches(record))
        for site, step, modules in models:
            found = cut(modules)
            if found is None and not any(module["reached"] for module in modules):  # does it end at the model that ran next?
                following = [module for _, _, others in models for module in others if module["reached"] and module["ran"] is not None]
                found = cut(sorted([*modules, *following], key=lambda m: (m["ran"] is None, m["ran"] or 0)))
            if found is None:
                continue
            below, above = found
            fresh = any(module["untrained"] for module in below)
            yield self.finding(
                f"No gradient ever reached {names(below)}, though the forward pass goes through them; it ends at {above['module']}.",
                where(below[-1]), (min(1, step), record.steps),
                {"model": str(site.where), "weights without a gradient": sum(module["idle"] for module in below),
                 "the gradient ends at": above["module"], "still initial": fresh},
                "error" if fresh or learned(record).nothing else "note")

    def example(self, sick: bool) -> Run:
        """Rings around the origin; the sick net takes its features' .data to normalise them."""
        import torch
        from torch import Tensor, nn

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first, self.second, self.out = nn.Linear(2, 16), nn.Linear(16, 16), nn.Linear(16, 2)

            def forward(self, x: Tensor) -> Tensor:
                features = self.second(self.first(x).relu()).relu()
                if sick:
                    features = features.data
                out: Tensor = self.out(features)
                return out

        torch.manual_seed(0)
        x = torch.randn(240, 2)
        y = (x.square().sum(1) > 1.4).long()
        model = Net()
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.functional.cross_entropy, epochs=8)
