"""`gradwell hub`: hands what was typed to its commands, which are loaded only then."""

from __future__ import annotations

from typing import Annotated

import typer


def hub(words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND ...")] = None) -> int:
    """Share models on the Hugging Face Hub: push, pull, card."""
    from gradwell.cli.hub.app import app

    return int(app(words or ["--help"], standalone_mode=False, prog_name="gradwell hub") or 0)
