"""Numbers and findings in TensorBoard: scalars, and texts."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from gradwell.integrations.trackers.tracker import Point, Tracker, library
from gradwell.integrations.trackers.words import markdown, title

if TYPE_CHECKING:
    from gradwell.doctor.finding import Finding
    from gradwell.report.data import Report


class TensorBoard(Tracker):
    """An event file of its own in a folder: with the folder of your own writer, TensorBoard shows both as one run.

    TensorBoard keeps numbers with 24 bits, so they differ from the record's in the eighth digit. Its own writer has a thread in which a
    full disk ends with a traceback; here events are appended by whoever sends them.

    Raises DependencyError where tensorboard is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        library("tensorboard")
        self._torch = library("torch.utils.tensorboard")
        self._event = library("tensorboard.compat.proto.event_pb2").Event
        self.folder = Path(folder)
        self._path = self.folder / f"events.out.tfevents.{int(time.time()):010d}.{token_hex(4)}.gradwell"

    def __str__(self) -> str:
        return f"tensorboard in {self.folder}"

    def begin(self) -> None:
        """Begin the event file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write([self._event(wall_time=time.time(), file_version="brain.Event:2")])

    def points(self, points: Sequence[Point]) -> None:
        """One scalar each."""
        self._write([self._summary(step, self._torch.summary.scalar(name, value)) for name, step, value in points])

    def finding(self, finding: Finding) -> None:
        """A text at the step at which it began."""
        self._text(f"gradwell/{title(finding)}", markdown(finding), finding.first_step)

    def report(self, report: Report) -> None:
        """The report as text; TensorBoard shows no pages."""
        self._text("gradwell/report", f"```\n{report}\n```", report.steps)

    def close(self) -> None:
        """Everything is written already."""

    def _text(self, name: str, text: str, step: int) -> None:
        self._write([self._summary(step, self._torch.summary.text(name, text))])

    def _summary(self, step: int, summary: Any) -> Any:
        return self._event(wall_time=time.time(), step=step, summary=summary)

    def _write(self, events: Sequence[Any]) -> None:
        taken = io.BytesIO()
        writer = self._torch.RecordWriter(taken)
        for event in events:
            writer.write(event.SerializeToString())
        with self._path.open("ab") as file:
            file.write(taken.getvalue())
