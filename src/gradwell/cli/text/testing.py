"""`gradwell text test|test-label`: precision and recall on a text with labels, as fastText prints them."""

from __future__ import annotations

import math

from gradwell.cli.text.command import Command, Given
from gradwell.cli.text.parsing import answers, number
from gradwell.cli.text.streams import flush, put, readable

POSITIONS = ("MODEL", "FILE|-", "[K]", "[THRESHOLD]")
NOTES = """
FILE holds lines with labels; - stands for stdin. K labels are predicted for each line [1; -1: all], and only those
with at least this probability [0]. Lines without a label that the model knows are left out, as in fastText.
"""


def command(name: str, summary: str) -> Command:
    """The command, by label or over all."""

    def run(positions: list[str], _: Given) -> int:
        return test(positions, name == "test-label")

    return Command(name, summary + ".", run, POSITIONS, notes=NOTES)


def test(positions: list[str], by_label: bool) -> int:
    """Print the figures (main.cc: test; meter.cc: writeGeneralMetrics)."""
    k, threshold = answers(positions, 2, 1), number("the threshold", positions, 3, float, 0.0)
    source = "/dev/stdin" if positions[1] == "-" else positions[1]
    readable(source, "the test text")
    from gradwell.text import files

    model = files.load(positions[0])
    meter = model.test(source, k, max(threshold, 0.0), model.options.threads)
    style = ".3g"
    if by_label:
        style = ".3f"  # fastText leaves its stream so
        figures = (("f1score", "F1-Score"), ("precision", "Precision"), ("recall", "Recall"))
        values = meter.by_label().values()
        for label, row in zip(model.dictionary.entries[model.dictionary.nwords :], values, strict=True):
            shown = "".join(f"{title} : {figure(row[key])}  " for key, title in figures)
            put(f"{shown} ".encode() + label + b"\n")
    put(f"N\t{meter.n}\nP@{k}\t{meter.precision():{style}}\nR@{k}\t{meter.recall():{style}}\n".encode())
    flush()
    return 0


def figure(value: float) -> str:
    """A figure with six decimals, or dashes where there is none."""
    return f"{value:.6f}" if math.isfinite(value) else "--------"
