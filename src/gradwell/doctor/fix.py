"""What a fix is: a remedy that a program can apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradwell.doctor.run import Run


@dataclass(frozen=True)
class Fix:
    """A change of a run that removes the cause of a finding; `safe` when trained weights and hyper-parameters stay as they are."""

    title: str
    apply: Callable[[Run], None]
    safe: bool = False
