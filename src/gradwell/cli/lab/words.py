"""A result of the lab in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from gradwell.doctor.catalogue import rule
from gradwell.lab.experiment import Experiment
from gradwell.lab.knobs import Knob, knobs, turned
from gradwell.lab.result import Measurement, Result
from gradwell.report.words import count

WIDTH, LABEL = 100, 10  # columns


def words(experiment: Experiment, result: Result) -> str:
    """The verdict with its numbers, what became of it without the cause, and what belongs to it."""
    lines = [f"{experiment.id}: {result.word}"]
    for label, text in facts(experiment, result):
        body = textwrap.wrap(text, WIDTH - LABEL - 2, break_on_hyphens=False) or [""]
        lines += [f"  {label if i == 0 else '':{LABEL}}{line}" for i, line in enumerate(body)]
    return "\n".join(lines)


def facts(experiment: Experiment, result: Result) -> Iterator[tuple[str, str]]:
    """What is to be said of a result, each with its label."""
    yield "claim", experiment.claim()
    if own := changed(type(experiment)(), result.main):
        yield "knobs", own
    yield "measured", f"{result.main.verdict.word}: {result.main.verdict.because}."
    yield "control", f"{without(experiment, result)}: {result.control.verdict.word}: {result.control.verdict.because}."
    if result.main.verdict.holds and not result.stands:
        yield "so", "nothing is shown: it holds without its cause, too."
    if experiment.textbook:
        yield "textbook", experiment.textbook
    yield "source", experiment.source
    if experiment.rules:
        yield "doctor", ", ".join(f"{code} {rule(code).name}" for code in experiment.rules)
    yield "over", f"{count(result.seeds, 'seed')}, median and 90 % interval, in {result.seconds:g} s; {result.made_with}"


def without(experiment: Experiment, result: Result) -> str:
    """The knobs that took the cause away."""
    return ", ".join(f"{knob.name}={knob.text}" for knob in held(experiment, result.control) if knob.name in experiment.control)


def changed(usual: Experiment, measurement: Measurement) -> str:
    """The knobs that were not as usual."""
    before = {knob.name: knob.text for knob in knobs(usual)}
    return ", ".join(f"{knob.name}={knob.text}" for knob in held(usual, measurement) if knob.text != before[knob.name])


def held(experiment: Experiment, measurement: Measurement) -> list[Knob]:
    """The knobs that a measurement was made with, those that no longer exist left out."""
    known = {knob.name: knob for knob in knobs(experiment)}
    values = {name: tuple(value) if known[name].several else value for name, value in measurement.knobs.items() if name in known}
    return knobs(turned(experiment, values))
