"""`gradwell lab`: hands what was typed to its commands, which are loaded only then, as they need torch."""

from __future__ import annotations

from typing import Annotated

import typer


def lab(words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND ...")] = None) -> int:
    """Measure what the textbook claims: list the claims with their verdicts, run one, show one."""
    from gradwell.cli.lab.app import app

    return int(app(words or [], standalone_mode=False, prog_name="gradwell lab") or 0)
