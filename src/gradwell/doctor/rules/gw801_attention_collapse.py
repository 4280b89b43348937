"""GW801: attention weights are the same whatever comes in."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class AttentionCollapse(Rule):
    """Attention that gives every key the same weight, or all of it to one same key, chooses nothing, whatever it reads.

    Attention is nearly uniform at first in many networks and heads may become sharp; it has collapsed where it still is so in the second
    half of a run, for every query and every input.
    """

    code = "GW801"
    name = "attention-collapse"
    kind = "warning"
    signals = (signals.ATTENTION_LEAST, signals.ATTENTION_MOST, signals.ATTENTION_VARIES)
    cause = "The scores hardly differ: the weights of queries and keys are too small (or zero), or what they read is the same everywhere."
    remedy = ("Begin with nn.init.xavier_uniform_ for the projections of queries and keys, divide scores by sqrt(size of a head) and by no "
              "more, and normalise what comes in (nn.LayerNorm).")
    source = ("Zhai et al. 2023, Stabilizing Transformer Training by Preventing Attention Entropy Collapse (arXiv 2303.06296); Dong et al. "
              "2021 (arXiv 2103.03404), rank collapse")

    uniform: Annotated[float, "entropy of (nearly) every row, relative to that of equal weights"] = 0.99
    sharp: Annotated[float, "entropy of (nearly) every row, below which one key has all the weight"] = 0.01
    varies: Annotated[float, "share of a row's weight that moves from input to input, at most, where it is sharp"] = 0.01

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the second half of the run, where it has learned nothing for half of its time."""
        witness = learned(record)
        if witness.answer == "yes" and not witness.late:
            return
        for site in record.sites("attention"):
            series = [record.series(signal.name, site) for signal in self.signals]
            late = [[value for step, value in one if 2 * step >= record.steps] for one in series]
            if any(len(values) < 2 for values in late):
                continue
            least, most, varies = map(statistics.median, late)
            if least > self.uniform:
                what = "gives every key the same weight"
                cause = self.cause
            elif most < self.sharp and varies < self.varies:
                what = "gives all weight to one same key"
                cause = "The scores are huge, and do not depend on the input: a bias or a positional term outweighs what is read."
            else:
                continue
            yield self.finding(
                f"In the second half of the run this attention {what}, whatever the query and the input.",
                site.where, (series[0][0][0], series[0][-1][0]),
                {"lowest entropy": reading(series[0]), "highest entropy": reading(series[1]), "moves with the input": varies},
                "warning" if witness.late and witness.trivial is not None else "note", cause=cause,
                fix=Fix("draw the projections of queries and keys anew (Glorot)", project) if least > self.uniform else None)
            return

    def example(self, sick: bool) -> Run:
        """What number stands beside the marker? The sick attention's queries and keys begin at zero, where no gradient reaches them."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.zeros(160, 10, 4)
        x[:, :, :2] = torch.randn(160, 10, 2)
        at = torch.randint(0, 10, (160,))
        x[torch.arange(160), at, 2] = 2.0
        y = (x[torch.arange(160), at, 0] > 0).long()

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embed = nn.Linear(4, 16)
                self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
                self.head = nn.Linear(16, 2)
                if sick:
                    nn.init.zeros_(self.attention.in_proj_weight[:32])

            def forward(self, x: torch.Tensor) -> Any:
                h = self.embed(x)
                return self.head(self.attention(h, h, h)[0].mean(1))

        model = Net()
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 160, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.functional.cross_entropy, epochs=12)


def project(run: Run) -> None:
    """Draw the input projections of every nn.MultiheadAttention anew, as Glorot and Bengio (2010) do."""
    from torch import nn

    for module in run.model.modules():
        if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            nn.init.xavier_uniform_(module.in_proj_weight)
