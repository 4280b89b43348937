"""`gradwell translate`: hands what was typed to its commands, which are loaded only then, as they need torch."""

from __future__ import annotations

from typing import Annotated

import typer


def translate(words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND ...")] = None) -> int:
    """Translate with recurrent networks and attention: train, predict, score, show, export."""
    from gradwell.cli.translate.app import app

    return int(app(words or ["--help"], standalone_mode=False, prog_name="gradwell translate") or 0)
