"""Numbers and findings in Weights & Biases: metrics with a step of their own, alerts, and the page as an artifact."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from gradwell.integrations.trackers.tracker import Point, Tracker, by_step, library
from gradwell.integrations.trackers.words import markdown, title

if TYPE_CHECKING:
    from gradwell.doctor.finding import Finding
    from gradwell.report.data import Report

STEP = "gradwell/step"
TITLE = 63  # characters that an alert's title may have
LEVELS = {"error": "ERROR", "warning": "WARN", "note": "INFO"}


class WandB(Tracker):
    """A run of Weights & Biases: yours, or without one a run of its own in the same project.

    In your run no step is counted: the numbers of one step ride on the row that you log next. A run of its own has a row for every step of
    which something is known. Either way `gradwell/step` is the axis. name: of the run of its own.

    Raises DependencyError where wandb is not installed.
    """

    def __init__(self, run: Any = None, *, name: str | None = None) -> None:
        self._wandb = library("wandb")
        self._run, self._name, self._own = run, name, run is None
        self._alone = False  # whether nobody else in this process uses wandb
        self._riding: tuple[int | None, frozenset[str]] = None, frozenset()  # the row of yours, and the names that ride on it

    def __str__(self) -> str:
        return f"wandb run {self._run.name or self._run.id}" if self._run is not None else "wandb"

    def begin(self) -> None:
        """Begin a run of its own where none was given; tell what the axis is."""
        if self._own:
            self._alone = self._wandb.run is None
            quiet = self._wandb.Settings(console="off")  # what the script prints is not ours to keep
            self._run = self._wandb.init(id=token_hex(4),  # as WANDB_RUN_ID is the script's own
                                         name=self._name, job_type="gradwell", reinit="create_new", resume="never", settings=quiet)
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("gradwell/*", step_metric=STEP)

    def points(self, points: Sequence[Point]) -> None:
        """A row for each step; in a run of yours, what is known of the last step that was looked at closely."""
        rows = [{**values, STEP: step} for step, values in by_step(points).items()]
        if self._own:
            for row in rows:
                self._run.log(row)
            return
        row = max(rows, key=lambda row: (len(row), row[STEP]))
        if self._riding[0] != self._run.step or self._riding[1] <= row.keys():  # else numbers of two steps would ride as those of one
            self._riding = self._run.step, frozenset(row)
            self._run.log(row, commit=False)

    def finding(self, finding: Finding) -> None:
        """An alert."""
        self._run.alert(title(finding, TITLE), markdown(finding), level=LEVELS[finding.severity])

    def report(self, report: Report) -> None:
        """The page, as an artifact; the findings' names in the summary."""
        from gradwell.report.html import as_html

        page = self._wandb.Artifact(f"gradwell-{self._run.id}", type="report")
        with page.new_file("report.html", mode="w", encoding="utf-8") as file:
            file.write(as_html(report))
        self._run.log_artifact(page)
        self._run.summary["gradwell/findings"] = [title(finding) for finding in report.verdict.findings]

    def close(self) -> None:
        """End a run of its own; yours is left to you."""
        if self._own:
            self._run.finish()

    def leave(self) -> None:
        """Forget wandb's service, which would be asked for a last time, and in vain, as Python ends."""
        if self._alone:
            self._wandb.teardown()
