"""`gradwell lab`: list the claims."""

from __future__ import annotations

from gradwell.lab import catalogue
from gradwell.lab.shelf import latest


def listing() -> None:
    """Print every claim with its last verdict, by the questions of the field."""
    from rich.console import Console
    from rich.table import Table

    table = Table("question", "claim", "verdict", "in a sentence", box=None, header_style="bold")
    for one in catalogue():
        result, whose = latest(one)
        word = f"{result.word}{' (here)' if whose == 'measured here' else ''}" if result else whose
        against = " (The textbook says otherwise.)" if one.textbook else ""
        table.add_row(str(one.question), one.id, word, one.claim() + against)
    Console(markup=False, highlight=False).print(table)
