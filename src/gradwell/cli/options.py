"""Options that several commands share."""

from __future__ import annotations

import inspect
from dataclasses import fields
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import typer

Rules = Annotated[str, typer.Option("--rules", metavar="CODES", help="Only these rules; GW1 stands for all that begin so: GW1,GW302.")]
Ignore = Annotated[str, typer.Option("--ignore", metavar="CODES", help="Not these rules: GW103,dead-relu.")]
Json = Annotated[str, typer.Option("--json", metavar="FILE", help="Write the findings as JSON.")]
Html = Annotated[str, typer.Option("--html", metavar="FILE", help="Write the page to this file.")]
Sarif = Annotated[str, typer.Option("--sarif", metavar="FILE", help="Write the findings as SARIF 2.1.0, for code scanning.")]
Github = Annotated[bool | None, typer.Option("--github/--no-github", show_default="where GITHUB_ACTIONS is true",
                                             help="Annotate the findings' lines on GitHub.")]


class FailOn(StrEnum):
    """From which severity on a finding is a failure."""

    error = "error"
    warning = "warning"
    note = "note"
    never = "never"

Devices = Annotated[int, typer.Option(metavar="N", help="Processes that train together here, one a device; 0: the devices found.")]
Strategy = Annotated[str, typer.Option(metavar="NAME", help="How they train together: ddp, or auto.")]


class Language(StrEnum):
    """The languages of the manual and the lab."""

    en = "en"
    zh = "zh"


Lang = Annotated[Language, typer.Option("--lang", help="English or Chinese.")]


def codes(text: str) -> list[str]:
    """The codes in a comma-separated list."""
    return [word.strip() for word in text.split(",") if word.strip()]


def with_options(command: Any, options: type) -> Any:
    """The command with an option for each field of a class of options in place of **choices."""
    hints = get_type_hints(options, include_extras=True)
    known = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.kind is not one.VAR_KEYWORD]
    more = []
    for field in fields(options):
        kind, unit = hints[field.name].__origin__, hints[field.name].__metadata__[0]
        option = typer.Option(help=unit[0].upper() + unit[1:] + ".", show_default=True)
        hint = Annotated[kind, option]  # type: ignore[valid-type]
        more.append(inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hint))
    command.__signature__ = inspect.Signature([*known, *more])
    command.__annotations__ = {one.name: one.annotation for one in (*known, *more)}
    return command
