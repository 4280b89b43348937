"""`gradwell lab sweep`: measure a claim at several values of its knobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gradwell.cli import output
from gradwell.cli.lab.run import INTERRUPTED, Progress
from gradwell.cli.lab.words import WORDS
from gradwell.cli.options import Lang, Language
from gradwell.errors import OptionError
from gradwell.folder import write
from gradwell.lab import experiment
from gradwell.lab.knobs import typed
from gradwell.lab.running import SEEDS, with_knobs
from gradwell.lab.shelf import OWN
from gradwell.lab.sweeping import Cell, Sweep, swept

STORAGE = f"sqlite:///{OWN}/sweeps.db"


def sweep(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help="Which; `gradwell lab` lists them.")],
    values: Annotated[list[str], typer.Argument(metavar="KNOB=A,B,C ...", help="Values of each knob; of a list KNOB=1,2;3,4.")],
    seeds: Annotated[int, typer.Option(metavar="N", help="How often each is measured, each time with another seed.")] = SEEDS,
    knob: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Turn another knob, for all of them.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="In the quick form, of a second or two.")] = False,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes that measure at once.")] = 1,
    storage: Annotated[str, typer.Option(metavar="URL", help="Database of the study; others that type the same share the work.")] = STORAGE,
    folder: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where the results are kept.")] = OWN,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    lang: Lang = Language.en,
) -> int:
    """Measure a claim at every combination of values; typed again, or elsewhere with the same storage, it does what is left."""
    turned, moved = ({word.partition("=")[0] for word in words} for words in (knob or [], values))
    if twice := sorted(turned & moved):
        raise OptionError(f"{twice[0]} is swept; it cannot be turned by --knob, too")
    asked = swept(typed(with_knobs(experiment(claim), quick), knob or []), values, seeds)
    with Progress(len(asked.cells()) * seeds * 2, quiet) as progress:
        try:
            cells = asked.run(storage, folder, jobs, progress.tell)
        except KeyboardInterrupt:
            output.complain(f"interrupted; what was measured is kept in {storage}, and the same command does the rest")
            return INTERRUPTED
    path = folder / f"{claim}.sweep.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, json.dumps({"command": asked.command, "cells": cells}, indent=1, ensure_ascii=False) + "\n")
    table(asked, cells, lang.value)
    print(f"the table is in {path}")
    return 0


def table(asked: Sweep, cells: list[Cell], language: str) -> None:
    """Print the verdict of each combination."""
    from rich.console import Console
    from rich.table import Table

    zh, say = language == "zh", WORDS[language]
    rows = Table(*asked.values, *(("判定", "测得", "对照") if zh else ("verdict", "measured", "control")), box=None, header_style="bold")
    for cell in cells:
        because = cell["zh"] if zh and cell["zh"] else cell["because"]
        rows.add_row(*cell["knobs"].values(), say.get(cell["word"], cell["word"]), because, say.get(cell["control"], ""))
    Console(markup=False, highlight=False).print(rows)
