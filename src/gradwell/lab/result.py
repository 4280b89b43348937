"""What came of an experiment: its rows and its verdict, and the same without the cause; kept as a small JSON file."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gradwell.errors import DataError
from gradwell.folder import write
from gradwell.lab.experiment import Verdict
from gradwell.lab.rows import Row


@dataclass(frozen=True)
class Measurement:
    """What was measured with some knobs, and the verdict."""

    knobs: dict[str, Any]
    rows: list[Row]
    verdict: Verdict


@dataclass(frozen=True)
class Result:
    """An experiment's outcome over some seeds: with its cause, and without it (the control)."""

    id: str
    claim: str
    command: str  # that makes it again
    made_with: str  # versions and processor
    seeds: int
    seconds: float  # of processor time for all seeds, with the cause and without, on one thread each
    main: Measurement
    control: Measurement

    @property
    def stands(self) -> bool:
        """Whether the claim holds, and no longer does without its cause."""
        return self.main.verdict.holds and not self.control.verdict.holds

    @property
    def word(self) -> str:
        """The outcome in a word or two."""
        if not self.main.verdict.holds:
            return "fails"
        return "holds" if self.stands else "not shown"


def save(result: Result, path: Path) -> None:
    """Write a result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = asdict(result)
    parts = {name: {"verdict": whole[name]["verdict"], "knobs": whole[name]["knobs"]} for name in ("main", "control")}
    head = json.dumps({name: parts.get(name, value) for name, value in whole.items()}, indent=1)
    rows = ",\n".join(
        f' "{name}_rows": [\n' + ",\n".join("  " + json.dumps(plain(row), allow_nan=False) for row in whole[name]["rows"]) + "\n ]"
        for name in parts
    )
    write(path, f"{head[:-2]},\n{rows}\n}}\n")


def load(path: Path) -> Result:
    """Read a result. Raises DataError when the file holds none."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        for name in ("main", "control"):
            rows = [{key: number(value) for key, value in row.items()} for row in read.pop(f"{name}_rows")]
            read[name] = Measurement(read[name]["knobs"], rows, Verdict(**read[name]["verdict"]))
        return Result(**read)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no result of the lab ({type(error).__name__}); measure again with `gradwell lab run`") from None


def plain(row: Row) -> dict[str, Any]:
    """A row for JSON, which knows neither infinity nor NaN."""
    return {name: f"<{value}>" if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}


def number(value: Any) -> Any:
    """A value as it was before it was written."""
    return float(value.strip("<>")) if value in ("<inf>", "<-inf>", "<nan>") else value
