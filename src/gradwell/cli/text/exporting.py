"""`gradwell text export`: a classifier for ONNX Runtime."""

from __future__ import annotations

from gradwell.cli.text.command import Command, Given
from gradwell.cli.text.streams import writable

NOTES = """
Where the model looks at words alone, the file takes lines of text (text) and gives the likeliest label of each (label)
and all probabilities (probabilities). ONNX has no hash: a model with n-grams takes the rows of its matrix instead of
text (rows), and gradwell.text.exporting.rows finds them.
"""


def command(name: str, summary: str) -> Command:
    """The command."""
    return Command(name, summary + ".", export, ("MODEL", "FILE.onnx"), notes=NOTES)


def export(positions: list[str], _: Given) -> int:
    """Export as asked."""
    from gradwell.text import files
    from gradwell.text.exporting import export as exported

    writable(positions[1], "an ONNX file")
    exported(files.load(positions[0]), positions[1])
    return 0
