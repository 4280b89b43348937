"""`gradwell lab show`: a claim, its last result and its knobs."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from gradwell.cli.lab.words import words
from gradwell.cli.options import Lang, Language
from gradwell.lab import experiment
from gradwell.lab.knobs import knobs, spelled
from gradwell.lab.shelf import latest


def show(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help="Which; `gradwell lab` lists them.")], lang: Lang = Language.en,
) -> int:
    """Print a claim with its last result, how it is measured, and its knobs."""
    from rich.console import Console
    from rich.table import Table

    one = experiment(claim)
    result, whose = latest(one)
    print(words(one, result, lang.value) if result else f"{one.id}: not measured yet\n  {one.claim()}")
    if result:
        print(f"  {whose}, by: {result.command}")
    print("\n" + inspect.cleandoc(one.__doc__ or "") + "\n")
    table = Table("knob", "value", "unit", "quick", "control", box=None, header_style="bold")
    for knob in knobs(one):
        table.add_row(knob.name, knob.text, knob.unit, *(spelled(change.get(knob.name, "")) for change in (one.quick, one.control)))
    Console(markup=False, highlight=False).print(table)
    return 0
