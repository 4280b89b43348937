"""The commands of `gradwell vision`."""

from __future__ import annotations

import typer

from gradwell.cli.vision.export import export
from gradwell.cli.vision.predict import predict
from gradwell.cli.vision.score import score
from gradwell.cli.vision.train import train

app = typer.Typer(name="gradwell vision", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
for command in (train, predict, score, export):
    app.command()(command)


@app.callback()
def vision() -> None:
    """Train an image classifier from IDX files, an npz or folders of images, use it, and measure it."""
