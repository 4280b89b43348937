"""`gradwell judge`: judge a saved record again, with the rules of today."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gradwell.cli import output
from gradwell.cli.options import FailOn, Github, Html, Ignore, Json, Rules, Sarif, codes


def judge(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or its record.sqlite.")],
    rules: Rules = "",
    ignore: Ignore = "",
    json: Json = "",
    html: Html = "",
    sarif: Sarif = "",
    github: Github = None,
    fail_on: Annotated[FailOn | None, typer.Option(show_default="note", help="From which severity on the exit status is 1.")] = None,
) -> int:
    """Judge a saved record again; exit status 1 when there are findings."""
    from gradwell.doctor.finding import fails
    from gradwell.project import project
    from gradwell.report.assemble import of_record

    wanted = project()
    report = of_record(Path(run), *wanted.asked(codes(rules), codes(ignore)))
    for path, write in ((json, output.write_json), (sarif, output.write_sarif), (html, output.write_html)):
        if path:
            write(report, Path(path))
    on_github = output.on_github(github)
    output.summary(report, sys.stdout, on_github)
    if on_github:
        output.annotate(report, sys.stdout)
    return 1 if fails(report.verdict.findings, fail_on or wanted.fail_on or "note") else 0
