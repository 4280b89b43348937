"""GW803: attention of a query whose every key is masked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class FullyMaskedRow(Rule):
    """Softmax over nothing but minus infinity is 0 / 0: one query without a single key to look at turns the weights into NaN.

    Such rows do no harm where they are set to zero before anything reads them; the finding needs a gradient or a loss that was lost.
    """

    code = "GW803"
    name = "fully-masked-row"
    kind = "error"
    signals = (signals.MASKED_ROWS, signals.NON_FINITE_GRADIENT, signals.NON_FINITE)
    cause = "Every key of some query is masked: an empty sequence, or a mask that is the wrong way round (True means ignored)."
    remedy = ("Leave at least one key unmasked in every row, drop empty sequences from the batch, or set such rows of the scores to 0 "
              "before the softmax; to leave their outputs out of the loss is not enough, for NaN times 0 is NaN.")
    source = "PyTorch issues 24816 and 41508: nn.MultiheadAttention gives NaN where key_padding_mask is True for a whole sequence"
    consequences = ("GW106", "GW204", "GW205", "GW801", "GW802")

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for rows that are NaN although their scores are finite, no later than the first gradient or loss that is not."""
        lost = [step for signal in (signals.NON_FINITE_GRADIENT, signals.NON_FINITE) for step, _ in record.facts(signal.name)]
        for site in record.sites("attention"):
            rows = [(step, share) for step, share in record.series(signals.MASKED_ROWS.name, site) if share > 0]
            if rows and lost and rows[0][0] <= min(lost):
                step, share = rows[0]
                yield self.finding(
                    f"At step {step} every key was masked for {share:.1%} of the queries; their weights were 0 / 0 = NaN.",
                    site.where, (step, record.steps),
                    {"share of rows": f"step {step}: {share:.3g}", "first gradient or loss that is not a number": f"step {min(lost)}"})
                return

    def example(self, sick: bool) -> Run:
        """Which of two words is in a sentence? One of the sick run's sentences is empty; the loss leaves it out, yet all is lost."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        lengths = torch.randint(3, 9, (96,))
        words = torch.randint(1, 8, (96, 8))
        if sick:
            lengths[20] = 0
        empty = torch.arange(8) >= lengths[:, None]
        words[empty] = 0
        y = (words == 3).any(1).long()

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embed = nn.Embedding(8, 16, padding_idx=0)
                self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
                self.head = nn.Linear(16, 2)

            def forward(self, words: torch.Tensor) -> Any:
                x, mask = self.embed(words), words == 0
                x = x + self.attention(x, x, x, key_padding_mask=mask)[0]
                return self.head((x.masked_fill(mask[..., None], 0.0)).sum(1))

        def loss(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            there = out.isfinite().all(1)
            return nn.functional.cross_entropy(out[there], y[there])

        model = Net()
        batches = [(words[i:i + 32], y[i:i + 32]) for i in range(0, 96, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.005), batches, loss, epochs=12)
