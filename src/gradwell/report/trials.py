"""Trials of remedies for the terminal and as JSON: the untouched run first, then what each remedy did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradwell.doctor.learned import Learned, learned
from gradwell.doctor.record import Record
from gradwell.doctor.trials import Trial
from gradwell.report.json import strict
from gradwell.report.words import count, number, percent, plain

STYLES = {"helps": "bold green", "makes it worse": "bold red"}
SCHEMA = 1


def as_text(untouched: Record, trials: Sequence[Trial], *, width: int = 100, color: bool = False) -> str:
    """A table of the runs, and what to write for each remedy that helped."""
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=color, color_system="standard" if color else None, no_color=not color,
                      highlight=False, markup=False, emoji=False, legacy_windows=False)
    base = learned(untouched)
    if not trials:
        console.print(f"gradwell: nothing was found that could be cured from outside, in {count(untouched.steps, 'step')}; {base.because}.")
        return out.getvalue().rstrip()
    helped = sum(trial.effect == "helps" for trial in trials)
    tried = "1 remedy" if len(trials) == 1 else f"{len(trials)} remedies"
    console.print(Text(f"gradwell: {helped} of {tried} {'makes' if helped == 1 else 'make'} the loss clearly lower."))
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("run", "steps", "loss", "at the end", "change", "effect"):
        table.add_column(name, justify="left" if name in ("run", "effect") else "right", no_wrap=name != "run")
    table.add_row("untouched", str(untouched.steps), value(base.first), end(base), "", "")
    for trial in trials:
        effect = Text(trial.effect + ("; finding gone" if trial.gone else ""), style=STYLES.get(trial.effect, ""))
        numbers = str(trial.steps), value(trial.loss.first), end(trial.loss), change(base, trial.loss)
        table.add_row(f"{trial.code} {trial.title}", *numbers, effect)
    console.print(Padding(table, (1, 0, 1, 0)))
    for trial in (one for one in trials if one.effect == "helps"):
        console.print(Text.assemble((f"{trial.code} ", "bold"), plain(trial.advice), overflow="fold"))
    by_hand = [trial for trial in trials if trial.effect == "cannot be applied from outside"]
    for trial in by_hand:
        console.print(Text.assemble((f"{trial.code} by hand: ", "bold"), plain(trial.advice), overflow="fold"))
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().split("\n"))


def value(loss: float | None) -> str:
    """A loss, where it is known."""
    return "?" if loss is None else number(loss)


def end(loss: Learned) -> str:
    """The loss at the end of a run."""
    return "nan" if "NaN" in loss.because else value(loss.last)


def change(untouched: Learned, treated: Learned) -> str:
    """The loss at the end against the untouched run's."""
    if not untouched.last or treated.last is None or "nan" in (end(untouched), end(treated)):
        return ""
    share = (treated.last - untouched.last) / abs(untouched.last)
    return f"{'+' if share > 0 else ''}{percent(share)}"


def as_json(untouched: Record, trials: Sequence[Trial]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "schema": SCHEMA, "untouched": {"steps": untouched.steps, "learned": strict(asdict(learned(untouched)))},
        "trials": [strict(asdict(trial)) for trial in trials],
    }
