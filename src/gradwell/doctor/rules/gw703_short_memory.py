"""GW703: forget gates are closed, so a recurrent layer forgets long before the sequence ends."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.cures import remember
from gradwell.doctor.evidence import reading, tail
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.through_time import courses


@dataclass(frozen=True)
class ShortMemory(Rule):
    """What a gated cell keeps of the past is the product of its forget gates; where they are closed, it forgets within a step.

    Gates that begin half open forget to 1/e within one and a half steps and can learn to open; below one step they are closed, and the
    gradient that could open them is gone with the memory.
    """

    code = "GW703"
    name = "short-memory"
    kind = "warning"
    signals = (signals.MEMORY_HORIZON, signals.SEQUENCE_LENGTH, signals.GRADIENT_BY_STEP, signals.READ)
    cause = "The biases of the forget gates (of a GRU, the update gates) are negative, so the gates are closed whatever the input."
    remedy = "Begin with open gates: rnn.bias_ih_l0.data[hidden:2 * hidden] = 1, or ln(steps) for long sequences."
    source = ("Gers et al. 2000, Learning to Forget; Jozefowicz et al. 2015; Tallec and Ollivier 2018 (arXiv 1804.11188): a horizon is "
              "1 / ln(1 / gate) steps")
    consequences = ("GW701",)

    part: Annotated[float, "memory, as a share of the sequence"] = 0.1
    closed: Annotated[float, "memory in steps, below which the gates of the median unit are closed"] = 1.0
    least: Annotated[float, "gradient at the first step, relative to the largest at any step"] = 1e-3

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the memory with the sequence, where the loss reads late steps only and the run has learned nothing for half its time."""
        witness = learned(record)
        if witness.answer == "yes" and not witness.late:
            return
        for course in courses(record):
            horizons = record.series(signals.MEMORY_HORIZON.name, course.site)
            if not horizons or course.first >= self.least:
                continue
            horizon = statistics.median(tail(horizons))
            if horizon >= min(self.closed, self.part * course.steps):
                continue
            yield self.finding(
                f"Half of the units have forgotten all but 1/e after {horizon:.2g} steps; the sequences have {course.steps}.",
                course.site.where, course.looks,
                {"memory": f"{reading(horizons)} steps", "steps": course.steps, "first step / largest gradient": course.first},
                "warning" if witness.late and witness.trivial is not None else "note", fix=Fix("open the forget gates", remember))
            return

    def example(self, sick: bool) -> Run:
        """Which symbol came first of twenty? The sick network's forget gates begin closed, the healthy one's open."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(128) % 2
        x = 0.3 * torch.randn(128, 20, 2)
        x[:, 0, 0] += 2.0 * y - 1.0

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rnn = nn.LSTM(2, 16, batch_first=True)
                self.head = nn.Linear(16, 2)
                nn.init.constant_(self.rnn.get_parameter("bias_ih_l0")[16:32], 3.0)
                if sick:
                    nn.init.constant_(self.rnn.get_parameter("bias_ih_l0")[16:32], -3.0)

            def forward(self, x: torch.Tensor) -> Any:
                return self.head(self.rnn(x)[0][:, -1])

        model = Net()
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 128, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.01), batches, nn.functional.cross_entropy, epochs=10)
