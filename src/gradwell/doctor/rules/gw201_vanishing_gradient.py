"""GW201: the gradient shrinks on its way down, so early layers cannot learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import gains, signals
from gradwell.doctor.cures import initialize, rectify
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run
from gradwell.doctor.spread import blocked


@dataclass(frozen=True)
class VanishingGradient(Rule):
    """The gradient of an early layer is a product with one factor for each layer above it; small factors leave nothing to learn from.

    delta_l = (W^T delta_(l+1)) * f'(z_l). The finding says which factor is to blame, the weights or the activation's derivative,
    for the remedies differ. The size of a gradient alone proves nothing: it is compared with that of the later layers.
    """

    code = "GW201"
    name = "vanishing-gradient"
    kind = "warning"
    signals = (signals.PARAMETER_GRADIENT, signals.DELTA, signals.WEIGHT_GAIN, signals.ACTIVATION_GAIN, signals.UPDATE_RATIO, signals.ORDER)
    cause = "Each layer makes the gradient smaller on its way down, and the factors multiply."
    remedy = ("Use nn.ReLU with nn.init.kaiming_normal_(layer.weight) and zero biases, or nn.BatchNorm or residual connections "
              "between the layers.")
    source = ("Hochreiter 1991; Glorot and Bengio 2010 (AISTATS); the ratio is AutoTrainer's (Zhang et al., ICSE 2021), first against "
              "last layer")
    consequences = ("GW101", "GW103", "GW105", "GW410", "GW605")

    least: Annotated[float, "gradient of the first layer's weights, relative to the largest of a later layer"] = 1e-3
    depth: Annotated[int, "layers with weights, below which nothing is a product"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the layers' weight gradients, medians over the run."""
        layers = [(site, value) for site in gains.ordered(record) if site.kind == "layer"
                  and (value := weight_gradient(record, site)) is not None]
        if len(layers) < max(self.depth, 2) or blocked(record):
            return  # a layer whose units are all dead is GW101's
        first, smallest, largest = layers[0][0], reaching(record, layers), max(value for _, value in layers[1:])
        if largest <= 0 or smallest >= self.least * largest:
            return
        rows = gains.table(record)
        weights, activation = gains.typical(rows)
        blamed = gains.culprit(record, rows)
        kinds = sorted({site.type for site in record.sites("activation")}) or ["activation"]
        through = " and ".join(kinds)
        product = f"each layer passes on {weights:.2f} of the gradient through its weights and {activation:.2f} through its {through}"
        words = {
            "activation": (f"The derivative of the {kinds[0]} is to blame: {product}.",
                           "Replace the hidden activations by `nn.ReLU()` and begin with `nn.init.kaiming_normal_(layer.weight)` and zero "
                           "biases."),
            "weights": (f"The weights are to blame, they are too small for their fan-in: {product}.",
                        "Begin with `nn.init.kaiming_normal_(layer.weight)` and zero biases; PyTorch's default weights have a sixth "
                        "of the variance that ReLU needs."),
            "both": (f"Weights and activations share the blame: {product}.", self.remedy)}[blamed]
        steps = [step for step, _ in record.series(signals.DELTA.name, first)]
        cure = Fix("ReLU in place of sigmoid and tanh, He weights", rectify)
        if blamed == "weights":
            cure = Fix("draw the weights anew (He)", initialize)
        yield self.finding(
            f"The gradient that reaches this layer's weights is {smallest / largest:.1g} times the largest above it; "
            f"{sum(value < self.least * largest for _, value in layers)} of {len(layers)} layers cannot learn.",
            first.where, (steps[0], steps[-1]),
            {"weight gradient": {str(site.where): value for site, value in layers}, "weights": weights, "activation": activation,
             "culprit": blamed, "gains": rows},
            "warning" if learned(record).late else "note", cause=words[0], remedy=words[1], fix=cure)

    def example(self, sick: bool) -> Run:
        """Ten layers; the sick net uses sigmoids with PyTorch's default weights, the healthy one ReLU with He's."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 16)
        y = (x[:, :4].sum(1) > 0).long()
        activation = nn.Sigmoid if sick else nn.ReLU
        body = [part for i in range(9) for part in (nn.Linear(16 if i == 0 else 32, 32), activation())]
        model = nn.Sequential(*body, nn.Linear(32, 2))
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 256, 64)]
        run = Run(model, torch.optim.SGD(model.parameters(), lr=0.05), batches, nn.functional.cross_entropy, epochs=12)
        if not sick:
            initialize(run)
        return run


def reaching(record: Record, layers: list[tuple[Site, float]]) -> float:
    """The gradient of the first layer's weights. Of an attention that comes first, the largest of its query, key and value.

    The gradient of queries and keys passes through a softmax that hands on next to nothing as long as all weights are nearly equal, as
    they are at the start of every transformer; that of the value does not.
    """
    first = parent(layers[0][0])
    attends = any(parent(site) == first and site.module for site in record.sites("attention"))
    return max(value for site, value in layers[:3 if attends else 1] if parent(site) == first)


def parent(site: Site) -> str:
    """The module that holds a site's module."""
    return site.module.rpartition(".")[0]


def weight_gradient(record: Record, layer: Site) -> float | None:
    """The median norm of the gradient of a layer's weight."""
    sites = [site for site in record.sites("parameter") if site.module.startswith(f"{layer.module}.") and "bias" not in site.module]
    own = [site for site in sites if site.module.count(".") == layer.module.count(".") + 1]
    values = [value for site in own if (value := gains.median(record, signals.PARAMETER_GRADIENT.name, site)) is not None]
    return max(values, default=None)
