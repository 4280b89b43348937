"""`gradwell show`: print the findings of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gradwell.cli import output


def show(run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or its record.sqlite.")]) -> None:
    """Print the findings of a run."""
    from gradwell.project import project
    from gradwell.report.assemble import of_record

    output.summary(of_record(Path(run), *project().asked()), sys.stdout)
