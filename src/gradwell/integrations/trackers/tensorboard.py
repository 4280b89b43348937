"""Numbers and findings in TensorBoard: scalars, and texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradwell.integrations.trackers.tracker import Point, Tracker, library
from gradwell.integrations.trackers.words import markdown, title

if TYPE_CHECKING:
    from gradwell.doctor.finding import Finding
    from gradwell.report.data import Report


class TensorBoard(Tracker):
    """An event file of its own in a folder: with the folder of your own writer, TensorBoard shows both as one run.

    TensorBoard keeps numbers with 24 bits, so they differ from the record's in the eighth digit.

    Raises DependencyError where tensorboard is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        library("tensorboard")
        self._library = library("torch.utils.tensorboard")
        self.folder = Path(folder)
        self._writer: Any = None

    def __str__(self) -> str:
        return f"tensorboard in {self.folder}"

    def begin(self) -> None:
        """Open the event file."""
        self._writer = self._library.SummaryWriter(str(self.folder))

    def points(self, points: Sequence[Point]) -> None:
        """One scalar each."""
        for name, step, value in points:
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def finding(self, finding: Finding) -> None:
        """A text at the step at which it began."""
        self._writer.add_text(f"gradwell/{title(finding)}", markdown(finding), finding.first_step)
        self._writer.flush()

    def report(self, report: Report) -> None:
        """The report as text; TensorBoard shows no pages."""
        self._writer.add_text("gradwell/report", f"```\n{report}\n```", report.steps)

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
