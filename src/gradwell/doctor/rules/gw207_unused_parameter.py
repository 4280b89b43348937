"""GW207: parameters that an optimizer holds and that never receive a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import learned
from gradwell.doctor.reach import Module, is_one_of_many, names, reaches, where
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class UnusedParameter(Rule):
    """An optimizer cannot train a parameter that never receives a gradient: its layer is not used, or stands frozen where it should learn.

    Experts that are seldom chosen, spare heads and frozen features are normal: while the run learns, they are a note, or nothing.
    """

    code = "GW207"
    name = "unused-parameter"
    kind = "warning"
    signals = (signals.REACH,)
    cause = "The layer takes no part in the loss: it was built and not called, or its output is not used."
    remedy = "Call the layer in forward, or remove it; a part that is not to be trained need not be given to the optimizer."
    source = "pytorch/pytorch#43259 (find_unused_parameters); torch.nn.Module.requires_grad_ documentation"
    consequences = ("GW410",)

    least: Annotated[float, "share of the model's weights, from which on unused ones may be why it learns nothing"] = 0.1

    def check(self, record: Record) -> Iterator[Finding]:
        """Report the modules without a gradient, and a last layer that is frozen in its initial state."""
        for _, step, modules in reaches(record):
            answer = learned(record)
            ran = [module for module in modules if module["ran"] is not None]
            if ran and ran[-1]["frozen"] and ran[-1]["untrained"] and (answer.late or not any(module["reached"] for module in ran[-2:])):
                yield self.frozen(record, ran[-1], step)
            idle = [module for module in modules if module["idle"]]
            if not idle:
                continue
            missed = sum(module["idle"] for module in idle if not is_one_of_many(module, modules))
            whole, unused = sum(module["numbers"] for module in modules), sum(module["idle"] for module in idle)
            yield self.finding(
                f"{unused:,} of {whole:,} weights ({names(idle)}) never received a gradient.", where(idle[0]), (1, record.steps),
                {"modules": len(idle), "unused weights": unused, "all weights": whole, "learned": answer.because},
                "warning" if answer.nothing and missed >= self.least * whole else "note")

    def frozen(self, record: Record, head: Module, step: int) -> Finding:
        """A last layer that was given to the optimizer, does not train, and has torch's initial weights."""
        return self.finding(
            f"The last layer, {head['module']}, is frozen with its initial random weights.", where(head), (min(1, step), record.steps),
            {"frozen weights": head["numbers"], "learned": learned(record).because},
            cause="requires_grad was switched off for every layer, the new last one included.",
            remedy=f"Freeze the old layers first and put the new one in afterwards, or call {head['module']}.requires_grad_(True).")

    def example(self, sick: bool) -> Run:
        """Two noisy classes; the sick net's two hidden layers were replaced by a fresh pair that its forward never calls."""
        import torch
        from torch import Tensor, nn

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.hidden, self.out = nn.Linear(4, 16), nn.Linear(16, 2)

            def forward(self, x: Tensor) -> Tensor:
                x = x[:, 1:2] if sick else self.hidden(x).relu()
                out: Tensor = self.out(x.expand(-1, 16) if sick else x)
                return out

        torch.manual_seed(0)
        x = torch.randn(256, 4)
        y = (x[:, 0] > 0).long()
        model = Net()
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 256, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.functional.cross_entropy, epochs=8)
