"""GW701: the gradient shrinks on its way back through time, so nothing is learned from early steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.cures import remember
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.through_time import courses

CAUSES = {
    "RNN": "Every step multiplies the gradient by W_hh^T diag(f'), which is smaller than 1 here.",
    "LSTM": "Every step multiplies the cell's gradient by its forget gate, which begins half shut: PyTorch's forget biases are about 0.",
    "GRU": "Every step multiplies the state's gradient by its update gate, which begins half shut.",
}
REMEDIES = {
    "RNN": "Use nn.LSTM or nn.GRU, or begin with nn.init.orthogonal_(rnn.weight_hh_l0); or shorten the sequences.",
    "LSTM": "Begin with open forget gates: rnn.bias_ih_l0.data[hidden:2 * hidden] = 1, or ln(steps) for long sequences.",
    "GRU": "Begin with open update gates: rnn.bias_ih_l0.data[hidden:2 * hidden] = 1, or ln(steps) for long sequences.",
}


@dataclass(frozen=True)
class TemporalVanishingGradient(Rule):
    """The gradient of an early step is a product with one factor for each step after it; small factors leave nothing to learn from.

    It shrinks in many networks that need only the last few steps, so it is a fault only where the loss reads late steps alone and the
    run has not learned what it should.
    """

    code = "GW701"
    name = "temporal-vanishing-gradient"
    kind = "warning"
    signals = (signals.GRADIENT_BY_STEP, signals.READ)
    cause = CAUSES["RNN"]
    remedy = REMEDIES["RNN"]
    source = ("Hochreiter 1991; Bengio, Simard and Frasconi 1994; Pascanu et al. 2013 (arXiv 1211.5063); forget biases: Jozefowicz et al. "
              "2015; ln(steps): Tallec and Ollivier 2018 (arXiv 1804.11188)")

    least: Annotated[float, "gradient at the first step, relative to the largest at any step"] = 1e-3
    length: Annotated[int, "steps, below which sequences are short"] = 16

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the first step's gradient in every layer that is read late, where the run has learned nothing for half its time."""
        witness = learned(record)
        if witness.answer == "yes" and not witness.late:
            return
        for course in courses(record):
            if course.steps < self.length or course.first >= self.least or course.first > course.last:
                continue
            kind = next((name for name in CAUSES if course.site.type.startswith(name)), "RNN")
            yield self.finding(
                f"The gradient at the first of {course.steps} steps is {course.first:.1g} times the largest; "
                f"each step passes on {course.per_step:.2f} of it.",
                course.site.where, course.looks,
                {"first step / largest": course.first, "factor per step": course.per_step, "steps": course.steps},
                "warning" if witness.late and witness.trivial is not None else "note", cause=CAUSES[kind], remedy=REMEDIES[kind],
                fix=Fix("orthogonal recurrent weights, open forget gates", remember))
            return

    def example(self, sick: bool) -> Run:
        """Which symbol came first of thirty? The sick network begins with PyTorch's weights, the healthy one with orthogonal ones."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(128) % 2
        x = 0.3 * torch.randn(128, 30, 2)
        x[:, 0, 0] += 2.0 * y - 1.0

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rnn = nn.RNN(2, 24, batch_first=True)
                self.head = nn.Linear(24, 2)

            def forward(self, x: torch.Tensor) -> Any:
                return self.head(self.rnn(x)[0][:, -1])

        model = Net()
        if not sick:
            nn.init.orthogonal_(model.rnn.get_parameter("weight_hh_l0"))
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 128, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.002), batches, nn.functional.cross_entropy, epochs=10)
