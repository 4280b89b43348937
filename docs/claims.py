"""The pages of the lab: one for each claim, from its own file and its shipped result, and their index."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

from gradwell.cli.lab.words import without
from gradwell.doctor.catalogue import rule
from gradwell.lab import Experiment, Result, catalogue
from gradwell.lab.knobs import knobs
from gradwell.lab.result import load
from gradwell.lab.shelf import SHIPPED, file

QUESTIONS = (
    "MSE or cross-entropy for classification?", "What are parameter sharing and sparse interaction?", "What is a 1x1 convolution for?",
    "What is shared in a recurrent network?", "Why do gradients vanish in a recurrent network?", "Why does its gradient fluctuate?",
    "How does an LSTM ease this?", "What is fastText?", "Why activation functions?",
    "Which activation functions, and what are their traits?",
    "What does batch normalisation do?", "What is backpropagation?", "May all weights start at zero?", "What is attention?",
)


def pages(docs: Path) -> dict[Path, str]:
    """Every page of the lab."""
    made = {docs / "lab" / f"{one.id}.md": page(one, load(file(one, SHIPPED))) for one in catalogue()}
    lines = [
        "# The lab: what the textbook claims, measured", "",
        "Each claim is an experiment with knobs. It is measured over several seeds and judged by rules fixed beforehand, and once more",
        "with its cause removed: then the verdict must be the other one, or nothing is shown. `gradwell lab run CLAIM` measures it here;",
        "`--knob NAME=VALUE` turns a knob. Verdicts below are of the results that come with this version.",
    ]
    for number, question in enumerate(QUESTIONS, 1):
        lines += ["", f"## {number}. {question}", "", "| claim | verdict | in a sentence |", "|---|---|---|"]
        for one in catalogue():
            if one.question == number:
                against = " *The textbook says otherwise.*" if one.textbook else ""
                lines.append(f"| [{one.id}]({one.id}.md) | {load(file(one, SHIPPED)).word} | {one.claim()}{against} |")
    return made | {docs / "lab" / "README.md": "\n".join(lines) + "\n"}


def page(one: Experiment, result: Result) -> str:
    """A claim's page."""
    about = inspect.cleandoc(one.__doc__ or "").partition("\n")[2].strip()
    seeds = f"Over {result.seeds} seeds, each number a median with its 90 % interval"
    control = f"With `{without(one, result)}` it {result.control.verdict.word}: {result.control.verdict.because}."
    rows = [f"| {k.name} | {k.text} | {k.unit} | {cell(one.quick, k.name)} | {cell(one.control, k.name)} |" for k in knobs(one)]
    parts = [
        f"# {one.id}", f"**{one.claim()}**",
        f"It **{result.main.verdict.word}**. {seeds}: {result.main.verdict.because}.",
        f"Without the cause: {control[0].lower()}{control[1:]}",
        f"What is commonly taught: {one.textbook}" if one.textbook else "",
        *(f"![{chart.title}]({one.id}-{i}.png)" for i, chart in enumerate(one.charts, 1)),
        "## How it is measured", about,
        "\n".join(["| knob | value | unit | quick | control |", "|---|---|---|---|---|", *rows]),
        f"```python\n{source(one)}\n```",
        f"Source: {one.source.rstrip('.')}.",
        "The doctor catches the same in a script: " + ", ".join(link(code) for code in one.rules) + "." if one.rules else "",
        f"Made by `{result.command}` in {result.seconds:g} s: {result.made_with}. "
        f"[All rows](../../src/gradwell/lab/results/{one.id}.json).",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def source(one: Experiment) -> str:
    """How it is measured and judged, in code."""
    return "\n\n".join(textwrap.dedent(inspect.getsource(part)).strip() for part in (type(one).measure, type(one).judge))


def cell(change: object, name: str) -> str:
    """What becomes of a knob."""
    value = change.get(name, "") if isinstance(change, dict) else ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def link(code: str) -> str:
    """A rule's page."""
    return f"[{code} {rule(code).name}](../rules/{code}.md)"


def seen(code: str) -> list[tuple[str, str]]:
    """The claims in which a rule's fault can be seen: id and sentence."""
    return [(one.id, one.claim()) for one in catalogue() if code in one.rules]
