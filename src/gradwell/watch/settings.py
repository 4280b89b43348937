"""How a run is to be watched; travels to the watched processes in one environment variable."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "GRADWELL_RUN"
UNTOUCHED = "untouched"  # of the runs of a cure, the folder of the one that no remedy touched


@dataclass(frozen=True)
class Settings:
    """Where the record goes, what watching may cost and what is to be changed. `every` replaces the budget by an interval in steps."""

    run_dir: str | None = None
    script: str = ""
    budget: float = 0.03  # share of the run's time
    every: int | None = None
    steps: int | None = None  # after which the process is ended; for `gradwell cure`
    treatment: str | None = None  # the rule whose remedy is applied before the first update
    seed: int | None = None  # of random, numpy and torch, set as torch is imported; the script's own seeds come later and win

    def to_environment(self) -> str:
        """The value of the environment variable."""
        return json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> Settings | None:
        """The settings that the launcher left for this process; None where there are none."""
        value = os.environ.get(VARIABLE)
        return cls(**json.loads(value)) if value else None

    @property
    def folder(self) -> Path | None:
        """The run folder."""
        return Path(self.run_dir) if self.run_dir else None
