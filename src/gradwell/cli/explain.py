"""`gradwell explain`: print a rule's manual page."""

from __future__ import annotations

from typing import Annotated

import typer

from gradwell.cli.options import Lang, Language


def explain(
    code: Annotated[str, typer.Argument(metavar="RULE", help="A code or a name: GW101, dead-relu.")], lang: Lang = Language.en,
) -> None:
    """Print a rule's manual page."""
    from rich.console import Console
    from rich.markdown import Markdown

    from gradwell.doctor.catalogue import rule
    from gradwell.report.manual import printed_page

    text = printed_page(rule(code).code, lang.value)
    console = Console()
    console.print(Markdown(text)) if console.is_terminal else print(text, end="")
