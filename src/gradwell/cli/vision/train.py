"""`gradwell vision train`: from images to a classifier, watched by the doctor."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import gradwell
from gradwell import vision as room
from gradwell.cli import output
from gradwell.cli.options import Devices, Strategy, codes, with_options
from gradwell.cli.vision.arguments import Data, shown
from gradwell.folder import DOCTOR, ready
from gradwell.loop import Processes, first
from gradwell.vision.options import Options


def train(
    data: Data,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The folder to make.")] = "model",
    valid: Annotated[str, typer.Option(metavar="DATA", help="Images to measure each epoch on, else one in 12 of each class.")] = "",
    classes: Annotated[str, typer.Option(metavar="NAMES", help="Names of the classes instead of those in the data: cat,dog.")] = "",
    devices: Devices = 0,
    strategy: Strategy = "auto",
    watch: Annotated[bool, typer.Option(help="Let the doctor watch, and end with what it found.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    **choices: Any,
) -> int:
    """Train an image classifier; interrupted, it goes on where it stopped when the same is typed again."""
    from gradwell.vision.reading import as_they_come

    options, processes = Options(**choices), Processes(devices, strategy)
    quiet, watch = quiet or not first(), watch and first()
    ready(model)
    progress = as_they_come if quiet else shown
    images = room.read(data, "train", options.size, options.channels, progress=progress)
    if valid:
        measured = room.read(valid, "test", options.size, options.channels, images.classes, progress)
    else:
        images, measured = images.held_out(options.seed)
    if classes:
        images, measured = images.named(codes(classes)), measured.named(codes(classes))
    channels, height, width = images.shape
    kind = "grey" if channels == 1 else "colour"
    say(f"{len(images):,} {kind} images of {width} x {height} pixels in {len(images.classes)} classes to learn from, "
        f"{len(measured):,} to measure on", quiet)
    session = gradwell.watch() if watch else None
    with session or contextlib.nullcontext():
        made = room.train(images, measured, options, model, None if quiet else told, processes)
    best = max(epoch["accuracy"] for epoch in made.history)
    say(f"{model}: {made.parameters:,} parameters, {best:.2%} of the images to measure on are right", quiet)
    if session:
        output.summary(session.report(), sys.stderr)
        output.write_json(session.report(), Path(model) / DOCTOR)
    return 0


def say(text: str, quiet: bool) -> None:
    """Tell how it goes."""
    if not quiet:
        print(text, file=sys.stderr)


def told(epoch: dict[str, float]) -> None:
    """Print the figures of an epoch."""
    learned = f"loss {epoch['loss']:.3f}, on the images to measure on {epoch['valid_loss']:.3f}"
    speed = f"{epoch['seconds']:.0f} s ({epoch['images_a_second']:,.0f} images a second)"
    say(f"epoch {epoch['epoch']:g}: {learned}, right {epoch['accuracy']:.2%}, {speed}", False)


train = with_options(train, Options)
