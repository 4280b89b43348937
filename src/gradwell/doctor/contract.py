"""Whether the last layers and the loss fit together: what the recorded chains of operations say of each loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.learned import finite, level, window
from gradwell.doctor.record import Record, Site

Chain = dict[str, Any]
CROSS_ENTROPY = ("nll", "soft_cross_entropy")


def losses_where(record: Record, wrong: Callable[[Chain], bool]) -> Iterator[tuple[Site, int, Chain]]:
    """Every loss whose chain was wrong at some step, with the first such step and chain."""
    for site in record.sites("loss"):
        for step, chain in record.facts(signals.CHAIN.name, site):
            if wrong(chain):
                yield site, step, chain
                break


def shape(sizes: list[int]) -> str:
    """A shape as one writes it, the number of examples first: `(N, 1)`, `(N,)`."""
    return f"(N, {', '.join(map(str, sizes))})" if sizes else "(N,)"


def last_level(record: Record, site: Site) -> tuple[float | None, float | None]:
    """Where a loss ended (mean of a window), and what the trivial predictor reaches; None where that is not known."""
    losses = finite(record.series(signals.TERM_LOSS.name, site)) or finite(record.series(signals.LOSS.name, site))
    trivial = record.series(signals.TRIVIAL_LOSS.name, site)
    last = level([value for _, value in losses[-window(losses):]])[0] if losses else None
    return last, trivial[-1][1] if trivial else None


def against_trivial(record: Record, site: Site) -> dict[str, object]:
    """The loss beside the trivial predictor's, as evidence."""
    last, trivial = last_level(record, site)
    known = {"loss at the end": last, "loss of a predictor that ignores the input": trivial}
    return {name: f"{value:.3g}" for name, value in known.items() if value is not None}
