"""What every output needs: the record of a run, what the rules said of it, and what else the reader must know."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from gradwell.doctor.judge import Verdict
from gradwell.doctor.metrics import Metric, epochs, metrics
from gradwell.doctor.record import Record


@dataclass(frozen=True)
class Report:
    """A run and its verdict. `record` is None where nothing was measured; `notices` are sentences that every output shows.

    `whole`: the run came to its own end, as far as is known.
    """

    record: Record | None
    verdict: Verdict
    notices: tuple[str, ...] = ()
    whole: bool = True

    @property
    def script(self) -> str:
        """The command that was watched, such as `train.py --lr 1`."""
        return str(self._meta("script", ""))

    @property
    def started(self) -> float:
        """When the run began, in seconds since 1970."""
        return float(self._meta("started", 0.0))

    @property
    def steps(self) -> int:
        """How many times the weights were updated."""
        return self.record.steps if self.record else 0

    @property
    def epochs(self) -> int:
        """How many epochs the trainer said are over; 0 where it said nothing."""
        return epochs(self.record) if self.record else 0

    @property
    def metrics(self) -> list[Metric]:
        """What the trainer measured, in the order in which it told."""
        return metrics(self.record) if self.record else []

    @property
    def overhead(self) -> Mapping[str, Any]:
        """What watching cost: its share of the run's time, its seconds, its samples and its budget."""
        return dict(self._meta("overhead", {}))

    @property
    def limits(self) -> tuple[str, ...]:
        """What could not be seen, in sentences: the notices, what comments in the source allow, the probes that failed, and what the
        watcher could not look into.
        """
        from gradwell.report.allowed import sentences

        allowed = sentences(self.verdict, self.record) if self.record is not None else ()
        failed = (f"the probe {name} failed and switched itself off: {reason}" for name, reason in self._meta("probes_off", {}).items())
        return tuple(dict.fromkeys((*self.notices, *allowed, *failed, *self._meta("unseen", []))))

    def __str__(self) -> str:
        before = random.getstate()
        from gradwell.report.terminal import as_text

        random.setstate(before)  # rich draws a number as it is imported
        return as_text(self)

    def _repr_html_(self) -> str:
        """The page in a frame of its own, for notebooks."""
        from gradwell.report.html import as_html

        return f'<iframe srcdoc="{escape(as_html(self))}" width="100%" height="700" style="border:0"></iframe>'

    def _meta(self, key: str, default: Any) -> Any:
        return default if self.record is None else self.record.meta(key, default)
