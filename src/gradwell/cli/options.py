"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Rules = Annotated[str, typer.Option("--rules", metavar="CODES", help="Only these rules; GW1 stands for all that begin so: GW1,GW302.")]
Ignore = Annotated[str, typer.Option("--ignore", metavar="CODES", help="Not these rules: GW103,dead-relu.")]
Json = Annotated[str, typer.Option("--json", metavar="FILE", help="Write the findings as JSON.")]
Html = Annotated[str, typer.Option("--html", metavar="FILE", help="Write the page to this file.")]


def codes(text: str) -> list[str]:
    """The codes in a comma-separated list."""
    return [word.strip() for word in text.split(",") if word.strip()]
