"""Where results lie: those that came with this version, and those of the user's own runs."""

from __future__ import annotations

import contextlib
from pathlib import Path

from gradwell.errors import DataError
from gradwell.lab.experiment import Experiment
from gradwell.lab.result import Result, load

SHIPPED = Path(__file__).parent / "results"
OWN = Path("gradwell-runs") / "lab"


def file(experiment: Experiment, folder: Path) -> Path:
    """The file of an experiment's result; one whose knobs were turned has its own, so that it is not taken for the claim's."""
    return folder / f"{experiment.id}{'' if experiment == type(experiment)() else '.knobs'}.json"


def latest(experiment: Experiment) -> tuple[Result | None, str]:
    """The last result of an experiment, and whose it is: the user's own, else the one that came with this version."""
    for folder, whose in ((OWN, "measured here"), (SHIPPED, "shipped")):
        with contextlib.suppress(DataError, OSError):  # one's own may be damaged
            if (path := file(experiment, folder)).is_file():
                return load(path), whose
    return None, "not measured"
