"""`gradwell runs`: list the runs of a folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gradwell.errors import RecordError
from gradwell.report.words import plain


def runs(folder: Annotated[str, typer.Argument(metavar="[DIR]", help="The folder that holds the runs.")] = "gradwell-runs") -> None:
    """List the runs of a folder, the latest last."""
    from rich.console import Console
    from rich.table import Table

    from gradwell.doctor.record import leads
    from gradwell.project import project
    from gradwell.report.assemble import of_record

    if not Path(folder).is_dir():
        raise RecordError(f"there is no folder {folder} here; `gradwell run` makes gradwell-runs, or name another folder")
    asked, _ = project().asked()
    table = Table(box=None, header_style="bold")
    for name in ("run", "script", "steps", "started", "learned", "findings"):
        table.add_column(name, overflow="fold", no_wrap=name == "run")  # a name must be whole to be typed again
    for path in sorted(leads(Path(folder)), key=lambda path: path.stat().st_mtime):
        name = path.parent.name
        try:
            report = of_record(path, asked)
            started = time.strftime("%Y-%m-%d %H:%M", time.localtime(report.started))
            codes = " ".join(finding.code for finding in report.verdict.shown) or "none"
            table.add_row(name, plain(report.script), str(report.steps), started, report.verdict.learned.answer, codes)
        except RecordError as error:
            table.add_row(name, "", "", "", "", str(error))
    if table.row_count:
        Console(markup=False).print(table)
    else:
        print(f"There are no runs in {folder}.")
