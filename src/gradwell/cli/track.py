"""`gradwell track`: send a recorded run to an experiment tracker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gradwell.errors import TrackerError
from gradwell.integrations.trackers.choice import Choice


def track(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or its record.sqlite.")],
    to: Annotated[Choice, typer.Option(help="The tracker; address and project come from its own environment variables.")],
) -> None:
    """Send a recorded run to an experiment tracker: numbers, findings, report."""
    from gradwell.integrations.trackers.sending import Sending, said
    from gradwell.project import project
    from gradwell.report.assemble import of_record

    to.check()
    report = of_record(Path(run), *project().asked())
    tracker = to.tracker(Path(run) if Path(run).is_dir() else Path(run).absolute().parent)
    sending = Sending(tracker)
    try:
        sending.end(report)
    except Exception as error:
        sending.leave()
        raise TrackerError(f"{tracker} {said(error)}; the record in {run} is untouched") from error
    print(f"gradwell: {sending}", file=sys.stderr)
