"""Runs the examples of a page and writes below each what it prints."""

from __future__ import annotations

import contextlib
import io
import re

BLOCK = re.compile(r"```python\n(.*?)```\n(\n```text\n.*?```\n)?", re.DOTALL)


def executed(text: str) -> str:
    """The page with today's output below each Python block that prints something; all blocks share their names, as in a notebook."""
    names: dict[str, object] = {}

    def run(found: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(found[1], names)
        shown = "\n".join(line.rstrip() for line in printed.getvalue().splitlines())
        return f"```python\n{found[1]}```\n" + (f"\n```text\n{shown}\n```\n" if shown else "")

    return BLOCK.sub(run, text)
