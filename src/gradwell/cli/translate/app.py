"""The commands of `gradwell translate`."""

from __future__ import annotations

import typer

from gradwell.cli.translate.export import export
from gradwell.cli.translate.predict import predict
from gradwell.cli.translate.score import score
from gradwell.cli.translate.show import show
from gradwell.cli.translate.train import train

app = typer.Typer(name="gradwell translate", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
for command in (train, predict, score, show, export):
    app.command()(command)


@app.callback()
def translate() -> None:
    """Train a translator from pairs of sentences, use it, measure it, and look inside it."""
