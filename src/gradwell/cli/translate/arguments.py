"""Arguments that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gradwell.translate import Beam

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The folder of a translator.")]
Source = Annotated[str, typer.Option(metavar="FILE", help="Sentences; without --target, each with a tab and its translation.")]
Target = Annotated[str, typer.Option(metavar="FILE", help="Their translations, line by line.")]
Size = Annotated[int, typer.Option("--beam", metavar="K", min=0, help="Search with so many beginnings; 0 or 1 takes the likeliest token.")]
Length = Annotated[float, typer.Option(metavar="A", help="Length penalty of the beam: 0 prefers short translations, 1 none.")]
Coverage = Annotated[float, typer.Option(metavar="B", help="Coverage penalty of the beam: above 0, what leaves words out loses.")]


def beam_of(size: int, length: float, coverage: float) -> Beam | None:
    """How to search; None: greedily."""
    from gradwell.translate import Beam

    return Beam(size, length, coverage) if size > 1 else None


def lines_of(path: str) -> list[str]:
    """The lines of a file, or of stdin where no file is named."""
    from gradwell.errors import DataError
    from gradwell.translate.pairs import lines

    if path:
        return lines(path)
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("what came on stdin is not UTF-8 text") from None
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def written(path: str, text: str) -> None:
    """Write a file whole or not at all."""
    from gradwell.folder import write

    write(Path(path), text)
