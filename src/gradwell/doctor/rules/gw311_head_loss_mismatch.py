"""GW311: another contract of head, loss and target is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.contract import against_trivial, losses_where
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.learned import finite
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class HeadLossMismatch(Rule):
    """What the net returns, what the loss assumes and what the targets are do not fit together, so a falling loss means nothing.

    Seen are: a logarithm, taken as a likelihood, of the raw output of a layer, which may be zero, negative or above 1; softmax
    cross-entropy for targets of which several are true at once; a Kullback-Leibler divergence of probabilities without logarithm.
    """

    code = "GW311"
    name = "head-loss-mismatch"
    kind = "error"
    signals = (signals.CHAIN, signals.LOGARITHM, signals.LOG_BEYOND, signals.MANY_HOT)
    cause = "The logarithm of a likelihood is taken of a layer's raw output, which has been through neither softmax nor sigmoid."
    remedy = ("For classes keep the output as it is and use F.cross_entropy(output, class_ids), or F.binary_cross_entropy_with_logits for "
              "yes and no; for numbers (regression) use nn.MSELoss().")
    source = "Bishop 2006, Pattern Recognition and Machine Learning, section 4.3.6: output activation and error function belong together"
    consequences = ("GW101", "GW102", "GW201", "GW202", "GW203", "GW204", "GW205", "GW305", "GW310", "GW312", "GW403", "GW409", "GW410",
                    "GW605")

    improbable: Annotated[float, "share of a layer's outputs that are no probabilities at the end; below it a note"] = 0.01
    several: Annotated[float, "share of examples with more than one right class"] = 0.05

    def check(self, record: Record) -> Iterator[Finding]:
        """Look at the logarithms in each loss, at targets under softmax, and at divergences."""
        for site in record.sites("loss"):
            yield from self._raw_logarithm(record, site)
            shares = record.series(signals.MANY_HOT.name, site)
            chain = next((chain for _, chain in record.facts(signals.CHAIN.name, site)), None)
            typical = sum(value for _, value in shares) / len(shares) if shares else 0.0
            if chain is not None and typical > self.several and chain.get("units") == chain["prediction_shape"][-1]:
                yield self.finding(
                    f"Softmax lets the classes compete, but {typical:.0%} of the examples have more than one right class.", site.where,
                    (shares[0][0], record.steps),
                    {"examples with several right classes": f"{typical:.0%}", **against_trivial(record, site)},
                    cause="Cross-entropy with softmax is for one class per example; the targets hold several 1s in a row.",
                    remedy="Use nn.BCEWithLogitsLoss()(output, target), one independent probability per class, without softmax.")
        for site, step, chain in losses_where(record, lambda chain: chain["loss"] == "kl_div"):
            if chain["operations"][:1] in (["Softmax"], ["Sigmoid"]):
                yield self.finding(
                    "The Kullback-Leibler divergence expects logarithms of probabilities and is given probabilities.", site.where,
                    (step, record.steps), {"operations, from the loss down": " <- ".join(chain["operations"])},
                    cause="nn.KLDivLoss takes the logarithm of its target only; its first argument has to come with its logarithm taken.",
                    remedy="Use F.kl_div(F.log_softmax(output, dim=-1), target, reduction='batchmean').")

    def _raw_logarithm(self, record: Record, site: Site) -> Iterator[Finding]:
        """A logarithm, weighed with data or picked by class, of what a layer gave out."""
        raw = [(step, seen) for step, seen in record.facts(signals.LOGARITHM.name, site) if seen["of"] == "layer" and seen["picked"]]
        shares = finite(record.series(signals.LOG_BEYOND.name, site))
        if not raw or not shares:
            return
        step, seen = raw[0]
        most, last = max(value for _, value in shares), shares[-1][1]
        clamped = any(name.startswith("Clamp") for name in seen["between"])
        note: dict[str, Any] = {"cause": f"{self.cause} clamp() hides that, and lets no gradient through where it cuts."} if clamped else {}
        yield self.finding(
            f"The loss takes the logarithm of a layer's raw output as a likelihood; up to {most:.0%} of the values are no probabilities.",
            site.where, (step, record.steps),
            {"operations, from the logarithm down": " <- ".join([*seen["between"], "layer"]), "no probabilities": reading(shares)},
            "error" if min(most, last) > self.improbable else "note", fix=Fix("use cross-entropy for scores", fused), **note)

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick run's cross-entropy is written out on raw scores, cut to (0, 1)."""
        import torch
        from torch import nn
        from torch.nn import functional as F

        def written_out(output: Any, target: Any) -> Any:
            p = output.clamp(1e-6, 1 - 1e-6)
            return -(target * p.log() + (1 - target) * (1 - p).log()).mean()

        torch.manual_seed(0)
        y = (torch.arange(240) % 2).float()[:, None]
        x = torch.randn(240, 2) + 4 * y - 2
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        batches = [(x[i:i + 24], y[i:i + 24]) for i in range(0, 240, 24)]
        loss = written_out if sick else F.binary_cross_entropy_with_logits
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.02), batches, loss, epochs=6)


def fused(run: Run) -> None:
    """Use torch's cross-entropy, which takes raw scores: that of classes for class ids or rows that add up to 1, else the binary one."""
    from torch.nn import functional as F

    def loss(output: Any, target: Any) -> Any:
        many = output.dim() > 1 and output.shape[1] > 1
        if many and (not target.is_floating_point() or bool(((target.sum(1) - 1).abs() < 1e-3).all())):
            return F.cross_entropy(output, target)
        return F.binary_cross_entropy_with_logits(output, target)

    run.loss = loss
