"""GW204: the loss is finite, a gradient is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run

POLES = {
    "Sqrt": "the derivative of sqrt is infinite at 0: write (x + 1e-12).sqrt()",
    "Norm": "the derivative of a norm is undefined at 0: write (x.square().sum(-1) + 1e-12).sqrt()",
    "LinalgVectorNorm": "the derivative of a norm is undefined at 0: write (x.square().sum(-1) + 1e-12).sqrt()",
    "Pow": "the derivative of x ** p with p < 1 is infinite at 0: write (x + 1e-12) ** p",
    "Log": "the derivative of log is infinite at 0: write torch.log(x.clamp_min(1e-12)), or use a fused loss",
    "Div": "a division by 0 has no derivative: add 1e-12 to what you divide by",
    "Acos": "the derivative of acos is infinite at -1 and 1: clamp its input a little inside",
    "Std": "the derivative of a standard deviation is undefined where all values are equal: add 1e-12 under the root of the variance",
    "Softmax": "a row whose every entry is masked with -inf has no softmax: leave at least one entry unmasked",
}


@dataclass(frozen=True)
class NonFiniteGradient(Rule):
    """One update with a NaN or infinite gradient turns the weights into NaN, and nothing that they compute is a number again.

    Steps that a GradScaler skips are no fault: it skips them because of such a gradient.
    """

    code = "GW204"
    name = "non-finite-gradient"
    kind = "error"
    signals = (signals.NON_FINITE_GRADIENT,)
    cause = "An operation was differentiated where it has no derivative, or a product overflowed."
    remedy = "Keep the argument of roots, logarithms and divisions away from 0; torch.autograd.set_detect_anomaly(True) shows the line."
    source = "PyTorch documentation, Autograd mechanics: gradients for non-differentiable functions; issues 10729 and 15131 of pytorch"
    consequences = ("GW101", "GW102", "GW105", "GW201", "GW205", "GW501")

    def check(self, record: Record) -> Iterator[Finding]:
        """Report the first place where a gradient was not finite."""
        for step, seen in list(record.facts(signals.NON_FINITE_GRADIENT.name))[:1]:
            operations = [seen["operation"]] if seen["operation"] else [name for name in seen["suspects"] if name in POLES]
            reasons = [POLES[name] for name in operations if name in POLES]
            sure = "" if seen["operation"] else "probably "
            cause = f"It arose {sure}in {' or '.join(operations)}." if operations else self.cause
            remedy = f"{reasons[0][0].upper()}{reasons[0][1:]}." if reasons else self.remedy
            yield self.finding(
                f"At step {step} the loss was finite, but the gradients of {seen['count']} of {seen['of']} parameters were not.",
                Where(seen["module"], seen["type"], seen["file"], seen["line"]), (step, step),
                {"parameters": f"{seen['count']} of {seen['of']}", "nearest to the loss": seen["parameter"],
                 "operation": " or ".join(operations)},
                cause=cause, remedy=remedy)

    def example(self, sick: bool) -> Run:
        """A distance as loss; at one example the sick one's is exactly 0, where the root has no derivative."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(128, 4)
        y = x[:, :1].relu()
        x[40], y[40] = 0.0, 0.0
        model = nn.Sequential(nn.Linear(4, 16, bias=False), nn.ReLU(), nn.Linear(16, 1, bias=False))
        floor = 1e-6
        if sick:
            floor = 0.0

        def distance(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return ((prediction - target).square() + floor).sqrt().mean()

        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 128, 32)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.05), batches, distance, epochs=20)
