"""`gradwell text`: finds the command and hands it what was typed; a command's code is loaded only when it is used."""

from __future__ import annotations

import difflib
import sys
from importlib import import_module
from typing import Annotated

import typer

from gradwell.cli.text import helping
from gradwell.cli.text.command import Command
from gradwell.errors import OptionError

COMMANDS = {
    "supervised": ("training", "train a classifier"),
    "skipgram": ("training", "train word vectors that predict the words around a word"),
    "cbow": ("training", "train word vectors that predict a word from those around it"),
    "quantize": ("quantizing", "make a model small"),
    "test": ("testing", "measure a classifier: precision and recall"),
    "test-label": ("testing", "measure a classifier, label by label"),
    "predict": ("predicting", "print the most probable labels of each line, or add them to a table"),
    "predict-prob": ("predicting", "print the most probable labels of each line, with their probabilities"),
    "nn": ("asking", "ask for the words nearest to a word"),
    "analogies": ("asking", "ask for the words nearest to A - B + C"),
    "print-word-vectors": ("vectors", "print the vectors of words from stdin"),
    "print-sentence-vectors": ("vectors", "print the vectors of lines from stdin"),
    "print-ngrams": ("vectors", "print the vectors of a word's character n-grams"),
    "export": ("exporting", "write a classifier for ONNX Runtime"),
    "dump": ("dumping", "print a model's options, dictionary or matrices"),
}
HELP = ("-h", "-help", "--help")
SETTINGS = {"allow_interspersed_args": False, "ignore_unknown_options": True, "help_option_names": []}


def text(words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND ...")] = None) -> int:
    """Classify text, make word vectors: fastText's commands."""
    from gradwell.cli.text.parsing import parse

    name, *rest = words or ["--help"]
    if name in HELP:
        sys.stdout.write(helping.overview({name: summary for name, (_, summary) in COMMANDS.items()}))
        return 0
    command = found(name)
    if any(word in HELP for word in rest):
        sys.stdout.write(helping.page(command))
        return 0
    positions, given = parse(command, rest)
    return command.run(positions, given)


def found(name: str) -> Command:
    """The command of this name."""
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise OptionError(f"gradwell text has no command {name!r}{hint} The commands are {', '.join(COMMANDS)}")
    module = import_module(f"gradwell.cli.text.{COMMANDS[name][0]}")
    command: Command = module.command(name, COMMANDS[name][1])
    return command
