"""Arguments that several commands share, and the bar that shows how images are read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The folder of an image classifier.")]
Data = Annotated[
    str, typer.Argument(metavar="DATA", help="A folder of IDX files, or with a folder of images for each class; one IDX file; or an npz.")
]


def shown(things: Iterable[Any]) -> Iterable[Any]:
    """The same things, with a bar on stderr where somebody looks."""
    from rich.console import Console
    from rich.progress import track

    return track(things, "reading images", console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
