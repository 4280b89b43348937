"""GW602: NaN or infinity in the inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class NonFiniteInput(Rule):
    """One NaN among the inputs makes every number NaN that is computed from it, in the end the loss and all weights."""

    code = "GW602"
    name = "non-finite-input"
    kind = "error"
    signals = (signals.INPUT_RANGE, signals.NON_FINITE)
    cause = "The data holds missing values, or a division by zero or a logarithm of zero when it was prepared."
    remedy = "Find them, (~torch.isfinite(x)).any(0).nonzero(), and drop or fill them: x = torch.nan_to_num(x), or the column's mean."
    source = "IEEE 754-2019, section 6.2: operations on a NaN give a NaN; torch.isfinite documentation"
    consequences = ("GW105", "GW106", "GW204", "GW205", "GW402", "GW601")

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the range of what goes into the first layers, and at where a loss that is not finite came from."""
        for site in record.sites("input"):
            bad = [step for step, (low, high) in record.facts(signals.INPUT_RANGE.name, site) if not math.isfinite(low + high)]
            if bad:
                whole = len(list(record.facts(signals.INPUT_RANGE.name, site)))
                yield self.finding(
                    f"{len(bad)} of {whole} batches looked at hold NaN or infinity.", site.where, (bad[0], record.steps),
                    {"first batch with them": f"step {bad[0]}"})
                return
        for site in record.sites("loss"):
            for step, facts in record.facts(signals.NON_FINITE.name, site):
                if facts["what"] == "input":
                    module = facts.get("module") or "the input"
                    yield self.finding(
                        f"What goes into {module} at step {step} holds NaN or infinity, and the loss is {facts['value']}.",
                        type(site.where)(module, facts.get("type", ""), facts.get("file"), facts.get("line")), (step, record.steps),
                        {"loss": facts["value"]})
                    return

    def example(self, sick: bool) -> Run:
        """A regression; one value of the sick run's table is missing."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(240, 4)
        y = x[:, :1] - 0.5 * x[:, 1:2]
        if sick:
            x[100, 2] = float("nan")
        model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.01), batches, nn.functional.mse_loss, epochs=8)
