"""What an experiment tracker must be able to do for us: take numbers, findings and the report. One subclass for each tool."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from gradwell.errors import DependencyError

if TYPE_CHECKING:
    from gradwell.doctor.finding import Finding
    from gradwell.report.data import Report


class Point(NamedTuple):
    """One number of a run: its name, such as gradwell/zero_share/encoder.0, the step at which it was read, and its value."""

    name: str
    step: int
    value: float


class Tracker(ABC):
    """Somewhere that a run's numbers and findings go. All methods are called by one thread, `begin` first and `close` last.

    A method that fails raises whatever its library raises: then nothing more is sent, the user is told in one line, and his run goes on.
    """

    @abstractmethod
    def __str__(self) -> str:
        """What messages call it, such as `mlflow at http://127.0.0.1:5000`."""

    @abstractmethod
    def begin(self) -> None:
        """Get ready; there is something to send."""

    @abstractmethod
    def points(self, points: Sequence[Point]) -> None:
        """Take some numbers, ordered by step; each is sent once."""

    @abstractmethod
    def finding(self, finding: Finding) -> None:
        """Take a finding; each is sent once."""

    @abstractmethod
    def report(self, report: Report) -> None:
        """Take the report, once, when the run has ended."""

    @abstractmethod
    def close(self) -> None:
        """Write the rest; nothing more will come."""

    def leave(self) -> None:  # noqa: B027 - most have nothing to do
        """Let go of everything; a method has failed, and `close` will not be called."""


def needed(name: str) -> None:
    """Raise DependencyError where a tracker's library is not installed."""
    if find_spec(name) is None:
        raise DependencyError(f"{name} is not installed; install it with: pip install 'gradwell[{name}]'")


def library(name: str) -> Any:
    """A tracker's library, imported before the run that is sent: rich and Trackio draw random numbers as they are imported.

    Raises DependencyError where it is not installed.
    """
    needed(name)
    state = random.getstate()
    try:
        import_module("gradwell.report.terminal")
        return import_module(name)
    finally:
        random.setstate(state)


def by_step(points: Sequence[Point]) -> dict[int, dict[str, float]]:
    """Numbers by step, for trackers that take all of a step at once."""
    steps: dict[int, dict[str, float]] = {}
    for name, step, value in points:
        steps.setdefault(step, {})[name] = value
    return steps
