"""GW704: gates that are open or shut whatever comes in."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run

NAMES = {"i": "input gates", "f": "forget gates", "o": "output gates", "r": "reset gates", "z": "update gates"}
WANTED = {("f", 1), ("z", 1)}  # gates that keep the past are opened on purpose, for a long memory


@dataclass(frozen=True)
class SaturatedGates(Rule):
    """A gate at the end of its range for every input decides nothing, and its gradient is too small to bring it back.

    Forget gates that stay open (a GRU's update gates) are no fault: so a cell remembers.
    """

    code = "GW704"
    name = "saturated-gates"
    kind = "note"
    signals = (signals.PINNED_GATES,)
    cause = "The inputs or the weights of these gates are large, or their biases are."
    remedy = "Scale the inputs to a standard deviation of about 1, keep the biases of gates small, and lower the learning rate."
    source = "Karpathy, Johnson and Fei-Fei 2015, Visualizing and Understanding Recurrent Networks (arXiv 1506.02078)"

    most: Annotated[float, "share of a gate's units below 0.05, or above 0.95, for every input"] = 0.5

    def check(self, record: Record) -> Iterator[Finding]:
        """Take medians over the second half of the looks; the worst gate of a layer speaks for it."""
        for site in record.sites("recurrence"):
            seen = list(record.facts(signals.PINNED_GATES.name, site))
            late = [pinned for _, pinned in seen[len(seen) // 2:]]
            shares = {(name, end): statistics.median(pinned[name][end] for pinned in late)
                      for name in (late[-1] if late else {}) for end in (0, 1) if (name, end) not in WANTED}
            if not shares or max(shares.values()) <= self.most:
                continue
            (name, end), share = max(shares.items(), key=lambda pair: pair[1])
            yield self.finding(
                f"{share:.0%} of the {NAMES.get(name, name)} were {'open' if end else 'shut'} at every step of every sequence looked at.",
                site.where, (seen[0][0], seen[-1][0]),
                {f"{NAMES.get(n, n)} {'open' if e else 'shut'}": value for (n, e), value in shares.items()})

    def example(self, sick: bool) -> Run:
        """Is the mean of a sequence positive? The sick network's output gates begin shut."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(128, 6, 2)
        y = (x[:, :, 0].mean(1) > 0).long()

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rnn = nn.LSTM(2, 16, batch_first=True)
                self.head = nn.Linear(16, 2)
                if sick:
                    nn.init.constant_(self.rnn.get_parameter("bias_ih_l0")[48:], -6.0)

            def forward(self, x: torch.Tensor) -> Any:
                return self.head(self.rnn(x)[0][:, -1])

        model = Net()
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 128, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.01), batches, nn.functional.cross_entropy, epochs=10)
