"""`gradwell rules`: list the rules."""

from __future__ import annotations

from gradwell.cli.options import Lang, Language


def rules(lang: Lang = Language.en) -> None:
    """List the rules: code, name, highest severity, and what is wrong."""
    from rich.console import Console
    from rich.table import Table

    from gradwell.doctor.catalogue import catalogue
    from gradwell.report.chinese import rule_words

    table = Table("code", "name", "kind", "what is wrong", box=None, header_style="bold")
    for rule in catalogue():
        zh = lang == Language.zh
        table.add_row(rule.code, rule.name, rule.kind, rule_words(rule).sentence if zh else rule.about())
    Console(markup=False).print(table)
