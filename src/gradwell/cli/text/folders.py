"""`gradwell text predict -input FOLDER -output FOLDER`: labels for every table below a folder, with a bar on stderr."""

from __future__ import annotations

import sys
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from gradwell.cli import output

if TYPE_CHECKING:
    from gradwell.text.folders import Runner, Tally
    from gradwell.text.tables import Job

SHOWN = 10  # tables that failed, by name
FAILED = 1  # exit status: some tables could not be labelled


class Show:
    """The bar while it works, and a line at the end."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("tables  {task.description}"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.bar.add_task("", total=None)
        self.started = time.monotonic()
        self.last: Tally | None = None

    def update(self, tally: Tally) -> None:
        """Move the bar."""
        self.last = tally
        self.bar.update(self.task, total=tally.tables, completed=tally.done, description=self.speed(tally))

    def speed(self, tally: Tally) -> str:
        """Rows, and rows per second."""
        return f"{tally.rows:,} rows, {tally.rows / max(time.monotonic() - self.started, 1e-9):,.0f} rows/s"

    def close(self) -> None:
        """What was done, and what was not."""
        tally = self.last
        if tally is None or (tally.tables and not tally.done):
            return
        if not tally.tables:
            print(f"nothing is left to do: all {tally.before:,} tables were labelled before", file=sys.stderr)
            return
        whole = tally.done - len(tally.failed)
        before = f"; {tally.before:,} were done before" if tally.before else ""
        print(f"{whole:,} of {tally.tables:,} tables labelled, {self.speed(tally)}{before}", file=sys.stderr)
        for outcome in tally.failed[:SHOWN]:
            output.complain(outcome.error)
        if len(tally.failed) > SHOWN:
            output.complain(f"... and {len(tally.failed) - SHOWN:,} more")
        if whole < tally.tables:
            output.complain(f"{tally.tables - whole:,} of {tally.tables:,} tables are not labelled; the same command does what is left")


def predict(model: str, folder: str, target: str, job: Job, ray: str | None) -> int:
    """Label the tables below a folder; exit status 1 where one of them could not be."""
    from gradwell.text import folders

    run: Runner = folders.here
    if ray is not None:
        from gradwell.integrations.ray_text import on

        run = on(ray)
    show = Show()
    try:
        with show.bar, redirect_stdout(sys.stderr):  # where Ray tells of workers that it lost
            tally = folders.predict(model, folder, target, job, run, show.update)
    finally:
        show.close()
    return FAILED if tally.failed else 0
