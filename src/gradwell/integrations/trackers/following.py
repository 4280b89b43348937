"""What of a record is sent to trackers: the readings that were added since the last look, as named numbers, averaged and thinned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradwell.doctor import signals
from gradwell.doctor.record import Record, Site
from gradwell.integrations.trackers.tracker import Point
from gradwell.report.thinning import Series

SENT = tuple(signal.name for signal in (
    signals.LOSS, signals.TERM_LOSS, signals.TRIVIAL_LOSS, signals.HELD_OUT, signals.LEARNING_RATE, signals.GRADIENT_NORM,
    signals.SHARD_NORM, signals.CLIPPED,
    signals.PARAMETER_GRADIENT, signals.UPDATE_RATIO, signals.DECAY_PULL, signals.WEIGHT_GAIN, signals.ACTIVATION_GAIN,
    signals.NORMALIZATION_GAIN, signals.ACTIVATION_MEAN, signals.ACTIVATION_STD, signals.ZERO_SHARE, signals.NEVER_ACTIVE,
    signals.SATURATED_SHARE, signals.DRIFT, signals.STALE, signals.MEMORY_HORIZON, signals.ATTENTION_LEAST, signals.ATTENTION_MOST,
    signals.PREDICTION_STD, signals.TARGET_STD, signals.EPOCH, signals.METRIC,
))
OF_RANKS = tuple(signal.name for signal in (signals.LOSS, signals.HELD_OUT, signals.GRADIENT_NORM, signals.SHARD_NORM))
CHUNK, CHUNKS = 1000, 200  # readings asked for at once, and how often before what was read is handed on
POINTS = 1000  # of one name that are sent at once; of more, the least and the largest of each span of steps
LONGEST = 240  # characters of a name


class Following:
    """Follows one record. What belongs to the newest step is kept back until a later one is seen, as more of it may come.

    rank: of a process whose record is not the run's own; of such a one less is sent, under names of its own.
    """

    def __init__(self, rank: int | None = None) -> None:
        self._signals, self._prefix = (SENT, "gradwell") if rank is None else (OF_RANKS, f"gradwell/rank{rank}")
        self._row = 0
        self._names: dict[tuple[str, int], str] = {}
        self._taken: dict[str, int] = {}
        self._open: dict[tuple[str, int], list[float]] = {}

    def points(self, record: Record, last: bool = False) -> Iterator[list[Point]]:
        """What was added since the last call, each list ordered by step; with `last`, the newest step, too."""
        whole = False
        while not whole:
            whole = self._read(record)
            newest = max((step for _, step in self._open), default=0)
            ready = {key: values for key, values in self._open.items() if key[1] < newest or (last and whole)}
            self._open = {key: values for key, values in self._open.items() if key not in ready}
            if ready:
                yield thinned(ready)

    def _read(self, record: Record) -> bool:
        """Read on, so far as memory allows; whether that was all."""
        for _ in range(CHUNKS):
            rows = record.after(self._row, self._signals, CHUNK)
            for self._row, signal, site, step, value in rows:
                self._open.setdefault((self._name(signal, site), step), []).append(value)
            if len(rows) < CHUNK:
                return True
        return False

    def _name(self, signal: str, site: Site | None) -> str:
        """gradwell/SIGNAL/MODULE; a second place of the same module, such as another loss, gets a number."""
        key = signal, site.id if site else 0
        if key not in self._names:
            module = re.sub(r"[^\w.\- ]", "_", site.module).strip(". ") if site and site.module != site.kind else ""
            name = "/".join(filter(None, (self._prefix, signal, module)))[:LONGEST]
            self._taken[name] = nth = self._taken.get(name, 0) + 1
            self._names[key] = name if nth == 1 else f"{name}.{nth}"
        return self._names[key]


def thinned(readings: dict[tuple[str, int], list[float]]) -> list[Point]:
    """Readings by name and step as points: several in one step are averaged, as a record's series are."""
    series: dict[str, Series] = {}
    for (name, step), values in readings.items():
        series.setdefault(name, Series()).add(step, sum(values) / len(values))
    found = [Point(name, step, value) for name, one in series.items() for step, value in one.points(POINTS)]
    return sorted(found, key=lambda point: point.step)
