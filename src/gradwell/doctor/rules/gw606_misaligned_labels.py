"""GW606: the labels do not belong to the inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.contract import against_trivial
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import MARGIN, course, finite, learned, level, window
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class MisalignedLabels(Rule):
    """Inputs and labels that were put in different orders have nothing to do with each other, so there is nothing to learn.

    It is seen where the same example comes back, in a later epoch, with another label, as often as chance would have it. Labels that
    are wrong in the same way in every epoch can be learned by heart, but nothing of them holds for other examples: then the loss that
    the script computes without gradients is best before anything is learned, and all that is learned makes it no better.
    """

    code = "GW606"
    name = "misaligned-labels"
    kind = "warning"
    signals = (signals.SEEN_AGAIN, signals.BATCH_LABELS, signals.HELD_OUT, signals.TERM_LOSS, signals.TRIVIAL_LOSS)
    cause = "Inputs and labels are shuffled or indexed separately: x[one_order] goes with y[another_order]."
    remedy = "Draw one order and use it for both, x[order], y[order], or keep them together in a TensorDataset."
    source = "Zhang et al. 2017, Understanding deep learning requires rethinking generalization (arXiv 1611.03530): labels without inputs"
    consequences = ("GW402", "GW403", "GW410", "GW411", "GW413", "GW605")

    least: Annotated[int, "examples that came back"] = 12
    chance: Annotated[float, "how often or how far labels differ, relative to two labels drawn at random"] = 0.5
    evaluations: Annotated[int, "of examples that are not learned from"] = 6
    better: Annotated[float, "best held-out loss, relative to the first and the trivial one, above which nothing holds"] = 0.99

    def check(self, record: Record) -> Iterator[Finding]:
        """Compare the labels of the examples that came back with those they had before, and what is learned with what holds."""
        yield from self.apart(record) or self.by_heart(record)

    def by_heart(self, record: Record) -> list[Finding]:
        """What is learned from nothing on, and never holds for other examples."""
        known, losses = learned(record), course(record)
        if known.answer != "yes" or known.trivial is None:
            return []
        for site in record.sites("evaluation"):
            held_out = finite(record.series(signals.HELD_OUT.name, site))
            before = [value for step, value in losses if held_out and step <= held_out[0][0]]
            if len(held_out) < self.evaluations or not before or held_out[0][1] <= 0:
                continue
            if level(before[-window(losses):])[0] < MARGIN * known.trivial:  # something had been learned when it was first evaluated
                continue
            blind = held_out[0][1]
            if 0.9 * known.trivial < blind < 1.5 * known.trivial:  # a mean, as the trivial loss is; a sum is many times that
                blind = min(blind, known.trivial)
            if min(value for _, value in held_out[1:]) < self.better * blind:
                continue
            return [self.finding(
                f"The loss fell from {known.trivial:.3g}, which needs no inputs, to {known.last:.3g}, and none of {len(held_out) - 1} "
                "later evaluations on other examples was better for it: what is learned is by heart.",
                site.where, (held_out[0][0], record.steps),
                {"held-out loss": reading(held_out), "evaluations": len(held_out), "loss at the end": f"{known.last:.3g}",
                 "loss of a predictor that ignores the input": f"{known.trivial:.3g}"})]
        return []

    def apart(self, record: Record) -> list[Finding]:
        """Examples that come back with other labels."""
        found = []
        for site in record.sites("loss"):
            seen = [fact for _, fact in record.facts(signals.SEEN_AGAIN.name, site)]
            again = sum(fact["again"] for fact in seen)
            if again < self.least or not learned(record).nothing:
                continue
            different, squares = sum(fact["different"] for fact in seen), sum(fact["squares"] for fact in seen)
            random = disagreement(record, site)
            apart = squares / again / max(2 * seen[-1]["variance"], 1e-30) if random is None else different / again / max(random, 1e-30)
            if seen[-1]["variance"] <= 0 or apart < self.chance:
                continue
            steps = [step for step, _ in record.facts(signals.SEEN_AGAIN.name, site)]
            found.append(self.finding(
                f"Of {again} examples that came back, {different} had another label than before: labels and inputs do not belong together.",
                site.where, (steps[0], record.steps),
                {"examples that came back": again, "with another label": different, "relative to chance": f"{apart:.2f}",
                 **against_trivial(record, site)}))
        return found

    def example(self, sick: bool) -> Run:
        """Two blobs; the sick loop draws one order for the inputs and another for the labels."""
        import torch
        from torch import nn

        def train(run: Run, apart: bool) -> None:
            mixed = torch.Generator().manual_seed(1)
            x, y = (torch.cat(part) for part in zip(*run.batches, strict=True))
            for _ in range(run.epochs):
                order = torch.randperm(len(x), generator=mixed)
                other = torch.randperm(len(x), generator=mixed) if apart else order
                for i in range(0, len(x), 40):
                    run.optimizer.zero_grad()
                    run.loss(run.model(x[order[i:i + 40]]), y[other[i:i + 40]]).backward()
                    run.optimizer.step()

        torch.manual_seed(0)
        y = torch.arange(240) % 2
        x = torch.randn(240, 2) + 3 * y[:, None] - 1.5
        x = (x - x.mean(0)) / x.std(0)
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
        optimizer: Any = torch.optim.Adam(model.parameters(), lr=0.01)
        return Run(model, optimizer, [(x, y)], nn.functional.cross_entropy, epochs=8, loop=partial(train, apart=sick))


def disagreement(record: Record, site: Site) -> float | None:
    """How often two labels drawn at random differ; None where the targets are numbers."""
    total: Counter[str] = Counter()
    for _, mix in record.facts(signals.BATCH_LABELS.name, site):
        total.update(mix)
    whole = sum(total.values())
    return 1 - sum((n / whole) ** 2 for n in total.values()) if whole else None
