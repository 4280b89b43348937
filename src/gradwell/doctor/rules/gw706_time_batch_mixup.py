"""GW706: what a layer that reads sequences takes for time is the batch."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class TimeBatchMixup(Rule):
    """A layer that takes the batch for time reads from one example into the next, and never along a sequence.

    Recurrent and attention layers take (time, batch, inputs) unless batch_first=True. That the axes are swapped shows where the loss
    reads: the "last step" of every example is, to the layer, every step of one single example. And it shows when the model runs again
    with one example exchanged: the outputs of others move. Where they do so although the layers are given the axes that they expect, the
    examples were mixed by a view or reshape in place of a transpose. Models that compare their examples on purpose do it in any order.
    """

    code = "GW706"
    name = "time-batch-mixup"
    kind = "error"
    signals = (signals.READ, signals.EXCHANGE)
    cause = "batch_first does not fit the layout of the data: PyTorch's default is (time, batch, inputs)."
    remedy = "Build the layer with batch_first={right}, or transpose its inputs and outputs."
    source = "torch.nn.RNN, GRU and LSTM documentation, batch_first: input and output are (time, batch, inputs) unless it is set"
    consequences = ("GW701", "GW702", "GW703", "GW705")

    looks: Annotated[int, "looks at least, each of which must show it"] = 3
    covered: Annotated[float, "share of what the layer calls time that the loss reads"] = 0.9
    reached: Annotated[int, "other examples that an exchanged one moves, each time, where axes of the right size are mixed up"] = 2

    def check(self, record: Record) -> Iterator[Finding]:
        """Ask where the loss reads, or else what moves when one example is exchanged."""
        found = [*self.read(record)]
        yield from found or self.exchanged(record)

    def exchanged(self, record: Record) -> Iterator[Finding]:
        """See whether, at every second look, examples reach into one another through layers that take them for time, or out of order."""
        for site in record.sites("call"):
            looks = [(step, look) for step, look in record.facts(signals.EXCHANGE.name, site) if any(look["others"])]
            if not looks or len(looks) < len(list(record.facts(signals.EXCHANGE.name, site))):
                continue
            step, look = looks[-1]
            evidence = {"examples that were exchanged, one at a time": len(look["others"]),
                        "share of the other examples whose output moved": f"{statistics.fmean(look['others']):.0%}", "looks": len(looks)}
            if all(is_turned(look) for _, look in looks):
                layer = next(read for read in look["read"] if read["axis"] == "time")
                first, second = layer["shape"]
                n, steps = (second, first) if layer["batch_first"] else (first, second)
                yield self.finding(
                    f"When one of {n} examples is exchanged, the outputs of others move: this layer takes the {n} examples for time, and "
                    f"their {steps} steps for a batch.",
                    Where(layer["module"] or site.type, layer["type"], layer["file"], layer["line"]), (looks[0][0], step),
                    evidence | {"batch_first": layer["batch_first"]},
                    remedy=self.remedy.format(right=not layer["batch_first"]),
                    fix=Fix("set batch_first of the layers that read sequences right", turn))
            elif all(is_shuffled(look, self.reached) for _, look in looks):
                yield self.finding(
                    f"When one of {look['examples']} examples is exchanged, the outputs of others move, and which ones depends on their "
                    "places in the batch: steps of different examples are taken for those of one.",
                    site.where, (looks[0][0], step), evidence,
                    cause="view or reshape in place of transpose: it keeps the order in memory, and puts steps of one example into others.",
                    remedy="Exchange axes by x.transpose(0, 1) or x.permute(...), and use view or reshape only to split or join axes.")

    def read(self, record: Record) -> Iterator[Finding]:
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
                remedy=self.remedy.format(right=not batch_first), fix=Fix("set batch_first of the layers that read sequences right", turn))

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


def is_turned(look: dict[str, Any]) -> bool:
    """Whether some layer that reads sequences was given the examples as time, and none as a batch."""
    return {read["axis"] for read in look["read"]} in ({"time"}, {"time", ""})


def is_shuffled(look: dict[str, Any], reached: int) -> bool:
    """Whether an example reaches into some others and not into all, by their places, in a model whose layers take examples for a batch.

    One that reaches into all, or only into those after it, may be meant to: as a frame of a film, or where experts have few places.
    """
    sequences = look["dims"][0] > 2 or not look["numbers"][0]
    some = all(reached <= share * (look["examples"] - 1) + 0.5 and share < 1 for share in look["others"])
    straight = bool(look["read"]) and all(read["axis"] == "batch" for read in look["read"])
    return look["one_label_each"] and sequences and straight and some and look["ordered"] and not look["across"] and all(look["each"])


def turn(run: Run) -> None:
    """Make every recurrent or attention layer take its axes the other way round."""
    from torch import nn

    for module in run.model.modules():
        if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
            module.batch_first = not module.batch_first
