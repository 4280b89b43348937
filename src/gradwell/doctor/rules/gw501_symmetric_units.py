"""GW501: units of a hidden layer are identical and stay so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gradwell.doctor import gains, signals
from gradwell.doctor.cures import initialize
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class SymmetricUnits(Rule):
    """Units with equal weights receive equal gradients and stay equal, so the whole layer is no better than one unit.

    Layers that begin at zero on purpose (the head, the end of a residual branch, the second factor of a low-rank adapter) come apart
    with the first updates and are not meant.
    """

    code = "GW501"
    name = "symmetric-units"
    kind = "error"
    signals = (signals.EQUAL_UNITS, signals.UPDATE_RATIO, signals.ORDER)
    cause = "All units began with the same weights (zeros, ones or another constant), and nothing has told them apart since."
    remedy = "Begin with random weights: leave PyTorch's default, or nn.init.kaiming_normal_(layer.weight); only biases may start at zero."
    source = "Goodfellow, Bengio and Courville 2016, Deep Learning, section 8.4: initial parameters must break the symmetry between units"
    consequences = ("GW101", "GW102", "GW105", "GW201", "GW410", "GW605")

    patience: Annotated[int, "updates looked at, after which equal units are no accident"] = 3

    def check(self, record: Record) -> Iterator[Finding]:
        """Look for hidden weights whose rows were equal in every reading, while something in the model did learn."""
        layers = [site.module for site in gains.ordered(record) if site.kind == "layer"]
        hidden = {f"{module}.weight" for module in layers[:-1]} - {f"{layers[-1]}.weight"} if layers else set()
        moved = any(value > 0 for site in record.sites("parameter") for _, value in record.series(signals.UPDATE_RATIO.name, site))
        alike = []
        for site in record.sites("parameter"):
            shares = record.series(signals.EQUAL_UNITS.name, site)
            if site.module in hidden and len(shares) >= self.patience and all(share == 1 for _, share in shares):
                alike.append((site, shares))
        if not alike or not moved:
            return
        site, shares = alike[0]
        names = [site.module.removesuffix(".weight") for site, _ in alike]
        yield self.finding(
            f"All units of {', '.join(names[:4])}{' ...' if len(names) > 4 else ''} have exactly the same weights, "
            f"and still had them after {record.steps} updates.",
            type(site.where)(names[0], site.type, site.file, site.line), (shares[0][0], shares[-1][0]),
            {"share of equal units": reading(shares), "layers": names}, fix=Fix("draw the weights anew (He)", initialize))

    def example(self, sick: bool) -> Run:
        """Two classes that need several units; every weight of the sick net is the same."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        x = torch.randn(256, 4)
        y = (x[:, 0] > 0).long()
        model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))
        if sick:
            for parameter in model.parameters():
                nn.init.constant_(parameter, 0.1)
        batches = [(x[i:i + 64], y[i:i + 64]) for i in range(0, 256, 64)]
        return Run(model, torch.optim.SGD(model.parameters(), lr=0.2), batches, nn.functional.cross_entropy, epochs=10)
