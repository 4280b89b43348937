"""`gradwell translate train`: from pairs of sentences to a translator, watched by the doctor."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import gradwell
from gradwell import translate as room
from gradwell.cli import output
from gradwell.cli.options import Devices, Strategy, with_options
from gradwell.cli.translate.arguments import Source, Target
from gradwell.folder import DOCTOR, ready
from gradwell.loop import Processes, first
from gradwell.translate.options import Options
from gradwell.translate.pairs import held_out
from gradwell.translate.precision import SLOW, has_bf16


def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The folder to make.")],
    source: Source,
    target: Target = "",
    valid_source: Annotated[str, typer.Option(metavar="FILE", help="Pairs to measure each epoch on; without them, one in 20.")] = "",
    valid_target: Target = "",
    devices: Devices = 0,
    strategy: Strategy = "auto",
    watch: Annotated[bool, typer.Option(help="Let the doctor watch, and end with what it found.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    **choices: Any,
) -> int:
    """Train a translator; interrupted, it goes on where it stopped when the same is typed again."""
    options, processes = Options(**choices), Processes(devices, strategy)
    quiet, watch = quiet or not first(), watch and first()
    pairs = room.read(source, target or None)
    if valid_source:
        valid = room.read(valid_source, valid_target or None)
    else:
        pairs, valid = held_out(pairs)
    for some in (pairs, valid):
        if some.empty:
            output.complain(f"{some.empty:,} pairs of {some.name} have an empty side and are left out")
    ready(model)
    say(f"{len(pairs):,} pairs to learn from, {len(valid):,} to measure on", quiet)
    if options.precision.startswith("bf16") and not has_bf16():
        output.complain(SLOW.format(instead="--precision 32-true"))
    session = gradwell.watch() if watch else None
    with session or contextlib.nullcontext():
        made = room.train(pairs, valid, options, model, None if quiet else told, processes)
    bleu = f"BLEU {made.history[-1]['averaged_bleu']:.2f} on the sentences to measure"
    say(f"{model}: {made.parameters:,} parameters, {bleu}", quiet)
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
    learned = f"loss {epoch['loss']:.3f}, on the sentences to measure {epoch['valid_loss']:.3f}"
    say(f"epoch {epoch['epoch']:g}: {learned}, BLEU {epoch['bleu']:.2f}, {epoch['seconds']:.0f} s", False)


train = with_options(train, Options)
