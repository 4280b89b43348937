"""Writing a report: the summary on the terminal, the page and the JSON in files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gradwell.errors import RecordError
from gradwell.report.words import plain

if TYPE_CHECKING:
    from gradwell.report.data import Report


def summary(report: Report, stream: TextIO, github: bool = False) -> None:
    """Print the findings for a person; on GitHub in a way that no name in them can be taken for a command."""
    from gradwell.report.github import harmless
    from gradwell.report.terminal import as_text

    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    color = stream.isatty() and "NO_COLOR" not in os.environ
    text = as_text(report, width=width, color=color)
    print(harmless(text) if github else text, file=stream)


def on_github(asked: bool | None) -> bool:
    """Whether to speak to GitHub: as asked, or where its Actions run."""
    return os.environ.get("GITHUB_ACTIONS") == "true" if asked is None else asked


def annotate(report: Report, stream: TextIO) -> None:
    """Have GitHub show the findings at their lines, and the whole in the summary of the job."""
    from gradwell.report.github import as_markdown, commands

    for line in commands(report.verdict.shown):
        print(line, file=stream)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with open(summary, "a", encoding="utf-8", errors="replace") as file:
                file.write(as_markdown(report))
        except OSError as error:
            complain(f"cannot write the summary of the job, {summary}: {error.strerror}")


def write_json(report: Report, path: Path) -> None:
    """Write the findings for a program. Raises RecordError when the file cannot be written."""
    from gradwell.report.json import as_json

    write(path, json.dumps(as_json(report), indent=2, allow_nan=False) + "\n")


def write_sarif(report: Report, path: Path) -> None:
    """Write the findings for code scanning. Raises RecordError when the file cannot be written."""
    from gradwell.report.sarif import as_sarif

    write(path, json.dumps(as_sarif(report), indent=2, allow_nan=False) + "\n")


def write_html(report: Report, path: Path) -> None:
    """Write the page. Raises RecordError when the file cannot be written."""
    from gradwell.report.html import as_html

    write(path, as_html(report))


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all; a device such as /dev/stdout is written to directly."""
    temporary = path.parent / f".{path.name}.{os.getpid()}"
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="replace")
            return
        temporary.write_text(text, encoding="utf-8", errors="replace")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise RecordError(f"cannot write {path}: {error.strerror}") from error


def complain(error: object) -> None:
    """Say in one line what went wrong, where that is no reason to stop."""
    with contextlib.suppress(OSError):
        print("gradwell:", plain(error), file=sys.stderr)
