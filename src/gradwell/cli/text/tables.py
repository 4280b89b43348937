"""`gradwell text predict -input ...`: labels for every row of Parquet, Arrow, CSV and JSON-lines files, or of a folder of them."""

from __future__ import annotations

import glob
from pathlib import Path

from gradwell.cli.text import folders
from gradwell.cli.text.command import Given
from gradwell.cli.text.parsing import possible
from gradwell.errors import OptionError


def predict(positions: list[str], given: Given) -> int:
    """Read tables, write one; or read a folder of tables, write another."""
    model = given.get("model") or (positions[0] if positions else "")
    if len(positions) > (0 if given.get("model") else 1):
        raise OptionError(f"predict -input takes no value without a flag but the model; {' '.join(positions)} was given")
    missing = [f"-{name}" for name in ("input", "column", "output") if not given.get(name)] + ([] if model else ["-model"])
    if missing:
        raise OptionError(f"predict of tables needs {', '.join(missing)}, too: predict MODEL -input FILE... -column NAME -output FILE")
    from gradwell.text import files, tables

    keep = [name for name in given["keep"].split(",") if name] if "keep" in given else None
    inputs = [path for pattern in given["input"] for path in expanded(pattern)]
    names = (given.get("label-column", "label"), given.get("probability-column", "probability"))
    job = tables.Job(given["column"], possible(given.get("k", 1)), given.get("threshold", 0.0), given.get("threads", 0), keep, *names)
    if len(inputs) == 1 and Path(inputs[0]).is_dir():
        return folders.predict(model, inputs[0], given["output"], job, given.get("ray"))
    if "ray" in given:
        raise OptionError(f"-ray labels the tables of a folder; -input is {', '.join(given['input'])}, which is none")
    tables.check(inputs, given["output"], job)
    tables.predict(files.load(model), inputs, given["output"], job)
    return 0


def expanded(pattern: str) -> list[str]:
    """The files that a pattern stands for, where the shell has not expanded it; else the name itself."""
    return sorted(glob.glob(pattern)) or [pattern] if not Path(pattern).exists() else [pattern]
