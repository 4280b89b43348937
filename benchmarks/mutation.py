"""Is every threshold held by a test? Each is moved, until the laws of the rules notice.

    python -m benchmarks.mutation [CODE ...]

The laws of tests/doctor/test_rules.py are: a rule finds its own sick example with its full severity, no rule says anything on any
healthy example, and a fix takes the finding away; tests/doctor/test_thresholds.py adds records on either side of some thresholds. A
mutant is a rule whose check or fix does nothing, or one of whose thresholds is multiplied or divided by 1.5, 3, 10 or 1000. Writes
docs/mutation.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from tests.doctor.test_thresholds import CASES, said

import gradwell
from gradwell.doctor.catalogue import catalogue
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule

PAGE = Path(__file__).parents[1] / "docs" / "mutation.md"
folder = tempfile.TemporaryDirectory()  # of the records, where the ranks of a run find each other
FACTORS = (1.5, 3, 10, 1000)


def main() -> None:
    """Make all mutants, and write the page."""
    torch.set_num_threads(1)
    asked = [rule for rule in catalogue() if not sys.argv[1:] or rule.code in sys.argv[1:]]
    healthy = {rule.code: watched(rule, sick=False) for rule in catalogue()}
    rows = []
    for rule in asked:
        rows += mutants(rule, watched(rule, sick=True), list(healthy.values()))
        print(*rows[-1], file=sys.stderr)
    text = page(rows)
    if len(asked) == len(catalogue()):
        PAGE.write_text(text)
    print(text)


def watched(rule: Rule, sick: bool, cured: bool = False) -> Record:
    """A rule's own example, trained and watched at every step; with its fix applied, or not."""
    run = rule.example(sick)
    if cured and (fix := next(rule.check(watched(rule, sick))).fix) is not None:
        fix.apply(run)
    with gradwell.watch(run.model, run.optimizer, every=1, run_dir=tempfile.mkdtemp(dir=folder.name)) as session:
        run.train()
    return session.record


def mutants(rule: Rule, sick: Record, healthy: Sequence[Record]) -> list[tuple[str, ...]]:
    """A row for each part of a rule that was broken: what, its value, and how much up and how much down was noticed."""
    assert not noticed(rule, sick, healthy), f"{rule.code} breaks the laws as it is"
    found = list(rule.check(sick))
    silent: Any = type("Silent", (type(rule),), {"check": lambda *_: iter(())})()
    rows: list[tuple[str, ...]] = [(rule.code, "check", "", "says nothing" if noticed(silent, sick, healthy) else "", "")]
    if found[0].fix is not None:
        held = not any(rule.check(watched(rule, sick=True, cured=True)))
        rows.append((rule.code, "fix", "", "does nothing" if held else "", ""))
    for field in fields(rule):
        value = getattr(rule, field.name)
        rows.append((rule.code, field.name, f"{value:g}", *(
            next((f"{sign} {factor}" for factor in FACTORS
                  if noticed(moved(rule, field.name, value, factor if sign == "x" else 1 / factor), sick, healthy)), "") for sign in "x/")))
    return rows


def moved(rule: Rule, name: str, value: float, factor: float) -> Rule:
    """The rule with one threshold moved; a whole number stays one, and moves by one at least."""
    if isinstance(value, int):
        further = round(value * factor)
        return replace(rule, **{name: further if further != value else value + (1 if factor > 1 else -1)})
    return replace(rule, **{name: value * factor})


def noticed(rule: Any, sick: Record, healthy: Sequence[Record]) -> bool:
    """Whether a law of the rules is broken."""
    try:
        found = list(rule.check(sick))
        wrong = any(not said(rule, over) or said(rule, under) for code, _, over, under in CASES if code == rule.code)
        return wrong or not found or found[0].severity != rule.kind or any(any(rule.check(record)) for record in healthy)
    except Exception:  # noqa: BLE001 - a threshold at which the check fails is noticed, too
        return True


def page(rows: Sequence[tuple[str, ...]]) -> str:
    """The page."""
    held = [row for row in rows if row[3] or row[4]]
    lines = [
        "# Are the rules held by their tests?", "",
        "Made by `python -m benchmarks.mutation`. Each part of each rule is broken on purpose, and the laws that all rules are tested by "
        "are asked again: a rule finds its own sick example with its full severity, says nothing on any rule's healthy example, and its "
        "fix takes the finding away; some thresholds have records on either side of them. For a threshold the smallest factor at which "
        "that is noticed, of 1.5, 3, 10 and 1000; a factor of 1000 makes a whole number 0 or 1.", "",
        f"{len(held)} of {len(rows)} are noticed.", "",
        "| rule | broken | value | noticed when larger | noticed when smaller |", "|---|---|--:|---|---|",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


if __name__ == "__main__":
    main()
