"""`gradwell rules`: list the rules."""

from __future__ import annotations


def rules() -> None:
    """List the rules: code, name, highest severity, and what is wrong."""
    from rich.console import Console
    from rich.table import Table

    from gradwell.doctor.catalogue import catalogue

    table = Table("code", "name", "kind", "what is wrong", box=None, header_style="bold")
    for rule in catalogue():
        table.add_row(rule.code, rule.name, rule.kind, rule.about())
    Console(markup=False).print(table)
