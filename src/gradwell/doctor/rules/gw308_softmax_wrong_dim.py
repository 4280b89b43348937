"""GW308: softmax across the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradwell.doctor import signals
from gradwell.doctor.contract import against_trivial, losses_where, shape
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class SoftmaxWrongDim(Rule):
    """Softmax along the wrong axis lets the examples of a batch compete with each other, not the classes of an example.

    Outputs are (examples, classes), so the classes lie along axis 1, or -1. Along axis 0 the probabilities of one example do not add
    up to 1, and what the net says of it depends on which others are in the batch. A square of similarities, examples against examples,
    may be read both ways and is no fault. Inside the net, as in attention written by hand, it shows when the model runs again with one
    example exchanged.
    """

    code = "GW308"
    name = "softmax-wrong-dim"
    kind = "error"
    signals = (signals.CHAIN, signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS, signals.EXCHANGE)
    cause = "The softmax before the loss was given the axis of the examples (dim=0), or none, where torch guesses it from the shape."
    remedy = ("Give the axis of the classes: F.log_softmax(output, dim=1). Better still, return the last layer's output as it is and use "
              "F.cross_entropy(output, target).")
    source = "torch.nn.Softmax documentation: dim is the dimension along which Softmax will be computed, so every slice sums to 1"
    consequences = ("GW201", "GW301", "GW302", "GW304", "GW311", "GW403", "GW410", "GW605", "GW606")

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for a softmax whose axis is not that of the classes, before the loss or else inside the model."""
        found = [*self.before_the_loss(record)]
        yield from found or self.inside(record)

    def inside(self, record: Record) -> Iterator[Finding]:
        """A softmax down the examples, in a model that has other axes for it and in which one example moves the outputs of others."""
        for site in record.sites("call"):
            looks = list(record.facts(signals.EXCHANGE.name, site))
            if not looks or not all(look["across"] and any(look["others"]) and look["one_label_each"] for _, look in looks):
                continue
            sizes = "x".join(map(str, looks[-1][1]["across"][0]))
            yield self.finding(
                f"A softmax inside the model is taken over the examples of the batch: over {looks[-1][1]['examples']} of {sizes}.",
                site.where, (looks[0][0], looks[-1][0]),
                {"share of the other examples whose output moves when one is exchanged": f"{max(looks[-1][1]['others']):.0%}",
                 "looks": len(looks)},
                cause="The softmax was given dim=0, or no dim, where torch takes the first axis of a tensor with three.",
                remedy="Give the axis along which the weights shall add up to 1: for scores (batch, queries, keys) it is softmax(dim=-1).")

    def before_the_loss(self, record: Record) -> Iterator[Finding]:
        """Look for a softmax whose axis is not that of the classes."""
        for site, step, chain in losses_where(record, lambda chain: bool(chain.get("across_examples"))):
            function = next(name for name in chain["operations"] if name in ("Softmax", "LogSoftmax"))
            yield self.finding(
                f"{function} is taken over the {chain['softmax_sizes'][0]} examples of the batch, so an example's probabilities do not "
                "add up to 1.", site.where, (step, record.steps),
                {"operations, from the loss down": " <- ".join(chain["operations"]), "prediction": shape(chain["prediction_shape"]),
                 "size of the softmax axis": chain["softmax_sizes"][0], **against_trivial(record, site)},
                fix=Fix("take the model's last softmax along the classes", along_classes))

    def example(self, sick: bool) -> Run:
        """Three blobs; the sick net's softmax goes down the batch."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        y = torch.arange(240) % 3
        x = torch.randn(240, 2) + 2 * torch.tensor([[0.0, 2.0], [-2.0, -1.0], [2.0, -1.0]])[y]
        x = (x - x.mean(0)) / x.std(0)
        axis = 1
        if sick:
            axis = 0
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3), nn.LogSoftmax(dim=axis))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, nn.NLLLoss(), epochs=6)


def along_classes(run: Run) -> None:
    """Turn the last softmax module of the model to the axis of the classes."""
    from torch import nn

    last = [module for module in run.model.modules() if isinstance(module, (nn.Softmax, nn.LogSoftmax))][-1:]
    for module in last:
        module.dim = 1
