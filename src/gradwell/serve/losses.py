"""The losses of a run beside what a predictor would reach that ignores the input, and what its trainer measured."""

from __future__ import annotations

from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.learned import multiple
from gradwell.report.thinning import Point
from gradwell.serve.reading import POINTS, Place, Reading

MOST = 8  # losses shown, and as many metrics


def losses(record: Reading) -> list[dict[str, Any]]:
    """Every loss: its name, its points, and the trivial predictor's; then every metric, which has no such predictor."""
    names = [signal.name for signal in (signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS, signals.METRIC)]
    found = record.series(names)
    rows = []
    for place in record.places("loss"):
        whole, term, trivial = (found.get((name, place.id), []) for name in names[:3])
        times = multiple(term, beside(record, place.id)) if len(term) >= 2 else 1.0
        points = term if times is None else [(step, value / times) for step, value in whole]
        if points:
            last = [(points[-1][0], trivial[-1][1])] if trivial and len(term) >= 2 else []
            rows.append({"name": title(place), "line": "loss", "points": points, "trivial": [*trivial, *last] if last else []})
    told = [{"name": place.module, "line": "metric", "points": found.get((signals.METRIC.name, place.id), []), "trivial": []}
            for place in record.places("metric")]
    return rows[:MOST] + told[:MOST]


def beside(record: Reading, site: int) -> list[Point]:
    """The script's own loss at the steps that were looked at; thinned, it would lack most of them."""
    query = ("select step, avg(value) from reading where signal=? and site=? and step in "
             "(select step from reading where signal=? and site=?) group by step")
    names = (signals.LOSS.name, site, signals.TERM_LOSS.name, site)
    return [(int(step), float(value)) for step, value in record.ask(query, names) if value is not None]


def title(place: Place) -> str:
    """What a loss is called."""
    return f"{place.module} ({place.type})" if place.type and place.type != place.module else place.module


def lines(record: Reading, signal: str, most: int = POINTS) -> list[dict[str, Any]]:
    """A signal at every place where it was read."""
    found = record.series([signal], most)
    return [place.as_dict() | {"points": points} for place in record.places() if (points := found.get((signal, place.id)))]
