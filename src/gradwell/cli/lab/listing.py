"""`gradwell lab`: list the claims."""

from __future__ import annotations

from gradwell.cli.lab.words import WORDS
from gradwell.lab import catalogue
from gradwell.lab.shelf import latest


def listing(language: str = "en") -> None:
    """Print every claim with its last verdict, by the questions of the field."""
    from rich.console import Console
    from rich.table import Table

    zh, say = language == "zh", WORDS[language]
    heads = ("问题", "论断", "判定", "一句话") if zh else ("question", "claim", "verdict", "in a sentence")
    table = Table(*heads, box=None, header_style="bold")
    for one in catalogue():
        result, whose = latest(one)
        word = f"{say[result.word]}{' (here)' if whose == 'measured here' else ''}" if result else whose
        against = ("（教科书说法不同。）" if zh else " (The textbook says otherwise.)") if one.textbook else ""
        table.add_row(str(one.question), one.id, word, (one.zh if zh else one.claim()) + against)
    Console(markup=False, highlight=False).print(table)
