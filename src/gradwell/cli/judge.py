"""`gradwell judge`: judge a saved record again, with the rules of today."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gradwell.cli import output
from gradwell.cli.options import Html, Ignore, Json, Rules, codes


def judge(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or its record.sqlite.")],
    rules: Rules = "",
    ignore: Ignore = "",
    json: Json = "",
    html: Html = "",
) -> int:
    """Judge a saved record again; exit status 1 when there are findings."""
    from gradwell.doctor.catalogue import select
    from gradwell.report.assemble import of_record

    report = of_record(Path(run), select(codes(rules), codes(ignore)))
    if json:
        output.write_json(report, Path(json))
    if html:
        output.write_html(report, Path(html))
    output.summary(report, sys.stdout)
    return 1 if report.verdict.findings else 0
