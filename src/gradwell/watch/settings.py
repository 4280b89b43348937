"""How a run is to be watched; travels to the watched processes in one environment variable."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "GRADWELL_RUN"


@dataclass(frozen=True)
class Settings:
    """Where the record goes and what watching may cost. `every` replaces the budget by a fixed interval in steps."""

    run_dir: str | None = None
    script: str = ""
    budget: float = 0.03  # share of the run's time
    every: int | None = None

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
