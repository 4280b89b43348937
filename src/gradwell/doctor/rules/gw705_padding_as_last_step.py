"""GW705: the last step that is read of a recurrent layer is padding."""

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


@dataclass(frozen=True)
class PaddingAsLastStep(Rule):
    """Where short sequences are filled up at their end, the last output belongs to the padding, and what was read before has faded.

    Padding shows as a tail: the last vectors of many examples are all one same vector, tails differ in length, and no sequence begins
    with that vector, as it would where the data itself has pauses or blank margins. Where the model is given lengths or a mask, more
    padding is added when it runs again: what it says of short sequences must not move.
    """

    code = "GW705"
    name = "padding-as-last-step"
    kind = "error"
    signals = (signals.READ, signals.PADDED)
    cause = "output[:, -1] (or h_n) is taken from padded sequences; the last word of a shorter sequence came earlier."
    remedy = ("Pack the inputs with nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False) and read h_n, or "
              "take output[torch.arange(len(lengths)), lengths - 1].")
    source = "torch.nn.utils.rnn.pack_padded_sequence documentation; padding at the end against the beginning: Dwarampudi and Reddy 2019"
    consequences = ("GW605", "GW701", "GW703")

    tailed: Annotated[float, "share of the examples that end in two or more padding vectors"] = 0.25
    starting: Annotated[float, "share of the examples that begin with that vector, at most"] = 0.05
    filled: Annotated[float, "share of all vectors that are padding"] = 0.1
    lengths: Annotated[int, "different lengths of padding in a batch"] = 3
    moves: Annotated[float, "how far outputs move when padding is added, relative to how much outputs differ"] = 0.05

    def check(self, record: Record) -> Iterator[Finding]:
        """Ask what the loss reads, or else what added padding moves."""
        found = [*self.read(record)]
        yield from found or self.added(record)

    def added(self, record: Record) -> Iterator[Finding]:
        """Padding that was added in a second look and moved the outputs of a recurrent model that knows how long its sequences are."""
        for site in record.sites("call"):
            looks = list(record.facts(signals.PADDED.name, site))
            if not looks or not all(look["declared"] and look["recurrent"] and not look["weights"] and look["moved"] > self.moves
                                    for _, look in looks):
                continue
            step, look = looks[-1]
            yield self.finding(
                f"The model is given {'a mask' if look['declared'] == 'mask' else 'lengths'}, and yet its outputs for short sequences move "
                f"by {look['moved']:.0%} of their differences when padding is added: they are read from padding.",
                site.where, (looks[0][0], step),
                {"steps that were added": f"{look['more']} to {look['steps']}", "steps that are padding": f"{look['share']:.0%}",
                 "looks": len(looks)},
                cause="Steps after the last real one are read: output[:, -1], h_n of sequences not packed, or a mean over all steps.")

    def read(self, record: Record) -> Iterator[Finding]:
        """Take medians over the looks at which the loss read nothing but the last step."""
        for site in record.sites("recurrence"):
            seen = list(record.facts(signals.READ.name, site))
            ends = [(step, read) for step, read in seen if "tailed" in read and read["only"] is None]
            if len(ends) < 2 or len(ends) < 0.9 * len(seen):
                continue
            tailed, starting, filled, lengths = (
                statistics.median(read[key] for _, read in ends) for key in ("tailed", "starting", "mean_tail", "lengths"))
            if tailed < self.tailed or starting > self.starting or filled < self.filled or lengths < self.lengths:
                continue
            yield self.finding(
                f"Only the last step of this layer is read, and that is padding for {tailed:.0%} of the examples.",
                site.where, (ends[0][0], ends[-1][0]),
                {"examples that end in padding": tailed, "share of the inputs that is padding": filled,
                 "longest padding": f"{max(read['longest_tail'] for _, read in ends):.0%} of the sequence"})

    def example(self, sick: bool) -> Run:
        """Is the mean of three to twelve numbers positive? The sick run reads the last step, the healthy one the last number."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        lengths = torch.randint(3, 13, (192,))
        x = torch.randn(192, 12, 2)
        there = torch.arange(12) < lengths[:, None]
        x = x * there[..., None]
        y = (x[:, :, 0].sum(1) > 0).long()

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rnn = nn.GRU(2, 16, batch_first=True)
                self.head = nn.Linear(16, 2)

            def forward(self, x: torch.Tensor) -> Any:
                h, _ = self.rnn(x)
                if sick:
                    return self.head(h[:, -1])
                return self.head(h[torch.arange(len(x)), (x != 0).any(-1).sum(1) - 1])

        model = Net()
        batches = [(x[i:i + 32], y[i:i + 32]) for i in range(0, 192, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.01), batches, nn.functional.cross_entropy, epochs=8)
