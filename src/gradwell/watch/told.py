"""What a trainer tells of itself through a callback: epochs and metrics, of which hooks know nothing."""

from __future__ import annotations

from gradwell.doctor import signals
from gradwell.doctor.record import Record

MOST = 64  # metrics that are kept


class Told:
    """Notes the epochs and the metrics of a run, each metric at a place of its own."""

    def __init__(self) -> None:
        self._sites: dict[str, int] = {}

    def epoch(self, record: Record, number: int, step: int) -> None:
        """So many epochs are over."""
        record.add(signals.EPOCH.name, 0, step, number)

    def metric(self, record: Record, name: str, value: float, step: int) -> None:
        """Something was measured."""
        if name not in self._sites and len(self._sites) < MOST:
            self._sites[name] = record.site("metric", name, "metric")
        if name in self._sites:
            record.add(signals.METRIC.name, self._sites[name], step, value)
