"""`gradwell vision`: hands what was typed to its commands, which are loaded only then, as they need torch."""

from __future__ import annotations

from typing import Annotated

import typer


def vision(words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND ...")] = None) -> int:
    """Classify images with small convolutional networks: train, predict, score, export."""
    from gradwell.cli.vision.app import app

    return int(app(words or ["--help"], standalone_mode=False, prog_name="gradwell vision") or 0)
