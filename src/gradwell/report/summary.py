"""The run in a few sentences: what was found, what was checked, whether it learned, and what watching cost."""

from __future__ import annotations

from gradwell.report.data import Report
from gradwell.report.words import count, number, percent, plain

METRICS = 6  # of a trainer that are told


def headline(report: Report) -> str:
    """The one sentence that says how the run fared; where nothing was found, also what was checked."""
    found = report.verdict.findings
    if found:
        shown = len(report.verdict.shown)
        few = f"; the {shown} most blamed are shown" if shown < len(found) else ""
        return f"{count(len(found), 'finding')}{f' in {plain(report.script)}' if report.script else ''}{few}."
    if report.record is None:
        return f"nothing was measured{': ' if report.limits else ''}{plain('; '.join(report.limits))}."
    if report.steps == 0:
        return "nothing to judge: the weights were never updated."
    answer, because = report.verdict.learned.answer, report.verdict.learned.because
    if answer == "yes":
        well = "all is well as far as could be seen" if report.limits else "all is well"
        return f"{well if report.whole else 'no fault was found in the part that ran'}: {scope(report)}; {because}."
    middle = "but the run has learned nothing: " if answer == "no" else ""
    return f"no fault was found: {scope(report)}; {middle}{because}."


def scope(report: Report) -> str:
    """How much was checked."""
    if report.record is None:
        return ""
    samples = report.overhead.get("samples")
    close = f" ({samples:,} looked at closely)" if samples is not None else ""
    together = f" of {count(len(report.verdict.ranks), 'rank')}" if report.verdict.ranks else ""
    return f"{count(len(report.verdict.rules), 'rule')} checked over {count(report.steps, 'step')}{together}{close}"


def training(report: Report) -> str:
    """What the trainer told of the run: its epochs, and each metric with its last and its best value; empty where it told nothing."""
    done, told = report.epochs, report.metrics
    words = [count(done, "epoch")] if done else []
    for metric in told[:METRICS]:
        step, value = metric.readings[-1]
        best = metric.best
        better = f" (best {number(best[1])} at {best[0]:,})" if best and best[1] != value else ""
        words.append(f"{plain(metric.name)} {number(value)} at step {step:,}{better}")
    return "; ".join(words + ([f"{len(told) - METRICS} more metrics"] if len(told) > METRICS else []))


def learned(report: Report) -> str:
    """Whether the run learned anything, and the numbers that say so."""
    return f"{report.verdict.learned.answer}: {plain(report.verdict.learned.because)}"


def cost(report: Report) -> str:
    """What watching cost; empty where it was not measured."""
    told = report.overhead
    if "share" not in told:
        return ""
    seconds = f" ({number(told['seconds'])} of {number(told['run_seconds'])} seconds)" if {"seconds", "run_seconds"} <= told.keys() else ""
    budget = f"; the budget is {percent(told['budget'])}" if told.get("budget") is not None else ""
    return f"watching took {percent(told['share'])} of the run's time{seconds}{budget}"
