"""GW302: softmax before a loss that applies softmax itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import e, log

from gradwell.doctor import signals
from gradwell.doctor.contract import CROSS_ENTROPY, Chain, against_trivial, losses_where
from gradwell.doctor.cures import replace_last
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class DoubleSoftmax(Rule):
    """Softmax before a loss that applies softmax itself leaves scores between 0 and 1, so even a perfect prediction has a high loss.

    With C classes the best scores are 1 for the right class and 0 for the others; their cross-entropy is ln(1 + (C - 1) / e), and the
    gradient is weak wherever the first softmax is sure. A log_softmax in the place of the first softmax is harmless, as is a logarithm
    between the two.
    """

    code = "GW302"
    name = "double-softmax"
    kind = "error"
    signals = (signals.CHAIN, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "nn.CrossEntropyLoss and F.cross_entropy apply log_softmax themselves, and the model's output has been through softmax already."
    remedy = ("Return the last layer's output as it is: remove nn.Softmax or F.softmax from the model, and keep "
              "F.cross_entropy(output, target). Apply output.softmax(1) only where probabilities are shown.")
    source = "torch.nn.CrossEntropyLoss documentation: the input is expected to contain the unnormalized logits for each class"
    consequences = ("GW201", "GW311", "GW403", "GW410")

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for a softmax right before the loss's own log_softmax."""
        for site, step, chain in losses_where(record, is_double):
            classes = chain["softmax_sizes"][0]
            floor = log(1 + (classes - 1) / e)
            yield self.finding(
                f"Softmax is applied twice over {classes} classes, so this loss cannot fall below {floor:.3f}.",
                site.where, (step, record.steps),
                {"operations, from the loss down": " <- ".join(chain["operations"][:2]), "least loss possible": f"{floor:.3f}",
                 **against_trivial(record, site)},
                fix=Fix("remove the model's last softmax", remove_softmax))

    def example(self, sick: bool) -> Run:
        """Three blobs; the sick net ends in nn.Softmax before F.cross_entropy."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(240) % 3
        x = torch.randn(240, 2) + 2 * torch.tensor([[0.0, 2.0], [-2.0, -1.0], [2.0, -1.0]])[y]
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
        if sick:
            model.append(nn.Softmax(dim=1))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.functional.cross_entropy, epochs=6)


def is_double(chain: Chain) -> bool:
    """Whether the loss's log_softmax takes its input from a softmax over the same classes."""
    sizes = chain["softmax_sizes"]
    return chain["loss"] in CROSS_ENTROPY and chain["operations"][:2] == ["LogSoftmax", "Softmax"] and sizes[0] == sizes[1] > 1


def remove_softmax(run: Run) -> None:
    """Let the model end with its last layer."""
    replace_last(run, ("Softmax",), "Identity")
