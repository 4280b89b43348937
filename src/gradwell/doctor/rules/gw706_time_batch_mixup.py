"""GW706: what a recurrent layer takes for time is the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class TimeBatchMixup(Rule):
    """A recurrent layer that takes the batch for time reads from one example into the next, and never along a sequence.

    Recurrent layers take (time, batch, inputs) unless batch_first=True. That the axes are swapped shows where the loss reads: the
    "last step" of every example is, to the layer, every step of one single example.
    """

    code = "GW706"
    name = "time-batch-mixup"
    kind = "error"
    signals = (signals.READ,)
    cause = "batch_first does not fit the layout of the data: PyTorch's default is (time, batch, inputs)."
    remedy = "Build the layer with batch_first={right}, or transpose its inputs and outputs."
    source = "torch.nn.RNN, GRU and LSTM documentation, batch_first: input and output are (time, batch, inputs) unless it is set"
    consequences = ("GW701", "GW702", "GW703", "GW705")

    looks: Annotated[int, "looks at least, each of which must show it"] = 3
    covered: Annotated[float, "share of what the layer calls time that the loss reads"] = 0.9

    def check(self, record: Record) -> Iterator[Finding]:
        """See whether the loss reads one same example of the batch, at (nearly) every step, at every look."""
        for site in record.sites("recurrence"):
            seen = list(record.facts(signals.READ.name, site))
            reads = [read for _, read in seen]
            ends = {"first" if read["only"] == 0 else "last" if read["only"] == read["batch"] - 1 else "" for read in reads}
            swapped = [read["only"] is not None and read["batch"] > 1 and read["time"] > 1 and read["covered"] >= self.covered
                       for read in reads]
            if len(reads) < self.looks or not all(swapped) or ends not in ({"first"}, {"last"}):
                continue
            read = reads[-1]
            batch_first = bool(read["batch_first"])
            yield self.finding(
                f"The loss reads only the {ends.pop()} of the {read['batch']} examples that this layer sees, at all of its "
                f"{read['time']} steps: it takes the batch for time, and examples flow into one another.",
                site.where, (seen[0][0], seen[-1][0]),
                {"time, as the layer sees it": read["time"], "batch, as the layer sees it": read["batch"], "batch_first": batch_first,
                 "looks": f"{len(reads)} of {len(reads)}"},
                remedy=self.remedy.format(right=not batch_first), fix=Fix("set batch_first of the recurrent layers right", turn))

    def example(self, sick: bool) -> Run:
        """Which of two halves of a sequence is the larger? The sick layer was built without batch_first."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(192, 8, 2)
        y = (x[:, :, 0].mean(1) > 0).long()

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rnn = nn.GRU(2, 16, batch_first=not sick)
                self.head = nn.Linear(16, 2)

            def forward(self, x: torch.Tensor) -> Any:
                h, _ = self.rnn(x)
                return self.head(h[:, -1])

        model = Net()
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 192, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.01), batches, nn.functional.cross_entropy, epochs=8)


def turn(run: Run) -> None:
    """Make every recurrent layer take its axes the other way round."""
    from torch import nn

    for module in run.model.modules():
        if isinstance(module, nn.RNNBase):
            module.batch_first = not module.batch_first
