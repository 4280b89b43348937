"""A rule's page in the manual: made from the rule's own file, with the real output of its own example."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from gradwell.doctor.rule import Rule
from gradwell.errors import GradwellError

MANUAL = "https://github.com/gradwell/gradwell/blob/main/docs/rules/"
SEVERITY = {
    "error": "An **error**: certain by construction, reported at once.",
    "warning": "A **warning** when there are two witnesses, the symptom and a run that is no better than it should be; "
               "with the symptom alone a note.",
    "note": "A **note**: for information.",
}


def manual_page(code: str) -> str:
    """The address of a rule's page in the manual."""
    return f"{MANUAL}{code}.md"


def printed_page(code: str) -> str:
    """The text of a rule's page, as it was generated when this version was made.

    Raises GradwellError when the installation lacks it.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "manual", package.parents[1] / "docs" / "rules"):  # installed, or a checkout
        if (folder / f"{code}.md").is_file():
            return (folder / f"{code}.md").read_text(encoding="utf-8")
    raise GradwellError(f"this installation lacks the manual; read the page at {manual_page(code)}")


def page(rule: Rule, output: str, claims: Sequence[tuple[str, str]] = ()) -> str:
    """A rule's page in Markdown; `output` is what the terminal says of its sick example, `claims` show its fault in the lab."""
    parts = [
        f"# {rule.code} {rule.name}", inspect.cleandoc(rule.__doc__ or ""), SEVERITY[rule.kind],
        "## What it looks like", "The sick example below, watched:", f"```text\n{output}\n```",
        "## Cause", rule.cause, "## Remedy", rule.remedy.replace("{threshold:.2g}", "1.0"),
        "## Example", f"Healthy, and with `sick=True` not:\n\n```python\n{example(rule)}\n```",
        "## How it is seen", measured(rule), thresholds(rule), f"Source: {rule.source}.",
    ]
    if claims:
        links = [f"- [{name}](../lab/{name}.md): {claim}" for name, claim in claims]
        parts.append("See it happen, in the lab:\n\n" + "\n".join(links))
    if rule.consequences:
        parts.append(f"It brings about {', '.join(rule.consequences)}: where those are found beside it, they are folded into it.")
    return "\n\n".join(part for part in parts if part) + "\n"


def example(rule: Rule) -> str:
    """The source of the rule's example."""
    return textwrap.dedent(inspect.getsource(type(rule).example)).strip()


def measured(rule: Rule) -> str:
    """A table of the signals that the rule reads."""
    rows = [f"| {s.name} | {s.place} | {s.unit} | {s.about} |" for s in rule.signals]
    return "\n".join(["| signal | measured at | unit | what it is |", "|---|---|---|---|", *rows])


def thresholds(rule: Rule) -> str:
    """A table of the rule's thresholds, each with its unit; empty where it has none."""
    hints = get_type_hints(type(rule), include_extras=True)
    rows = [f"| {field.name} | {getattr(rule, field.name)} | {get_args(hints[field.name])[1]} |" for field in fields(rule)]
    return "\n".join(["| threshold | default | unit |", "|---|---|---|", *rows]) if rows else ""
