"""`gradwell vision score`: how good a classifier is."""

from __future__ import annotations

import json as plain
from pathlib import Path
from typing import Annotated

import typer

from gradwell import vision as room
from gradwell.cli import output
from gradwell.cli.vision.arguments import Data, Model, shown


def score(
    model: Model,
    data: Data,
    part: Annotated[str, typer.Option(help="Of data that is divided: test or train.")] = "test",
    picture: Annotated[str, typer.Option(metavar="FILE", help="Draw the confusion matrix: .png, .svg or .pdf.")] = "",
    json: Annotated[str, typer.Option(metavar="FILE", help="Write all figures as JSON.")] = "",
) -> int:
    """Print accuracy, and for each class precision, recall and F1."""
    made = room.load(model)
    options = made.options
    found = made.score(room.read(data, part, options.size, options.channels, made.classes, shown))
    print(found)
    if picture:
        found.picture(Path(picture))
    if json:
        output.write(Path(json), plain.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n")
    return 0
