"""Measures one claim for the page, in a process of its own: prints rows and verdicts as lines of JSON.

python -m gradwell.serve.worker '{"id": "sigmoid-gradient-dies", "knobs": {"depth": "20"}, "seeds": 5}'
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gradwell.errors import GradwellError
from gradwell.lab import experiment, measured
from gradwell.lab.experiment import Experiment
from gradwell.lab.knobs import typed
from gradwell.lab.rows import Row
from gradwell.lab.running import possible
from gradwell.report.json import strict


def main() -> None:
    """Measure, and judge after every seed."""
    asked = json.loads(sys.argv[1])
    try:
        one = typed(experiment(asked["id"]), [f"{name}={value}" for name, value in asked["knobs"].items()])
        rows: list[Row] = []
        for seed in range(asked["seeds"]):
            rows += measured(one, seed, row_told)
            with possible(one):
                verdict = one.judge(rows)
            tell({"verdict": {"holds": verdict.holds, "because": verdict.because, "zh": verdict.zh}, "seeds": seed + 1})
    except GradwellError as error:
        tell({"error": str(error)})


def row_told(_: Experiment, row: Row | None) -> None:
    """Tell a row."""
    if row is not None:
        tell({"row": strict(row)})


def tell(what: dict[str, Any]) -> None:
    """A line to who started this."""
    print(json.dumps(what, allow_nan=False), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
