"""The folder of runs: what lies in it, and nothing outside of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradwell.doctor.record import lead, leads
from gradwell.errors import RecordError
from gradwell.report.words import plain
from gradwell.serve.reading import TEXT, Reading

MOST = 5000  # runs of a folder that are listed, the latest first


@dataclass(frozen=True)
class Folder:
    """A folder of runs, or a single run."""

    root: Path

    def names(self) -> list[str]:
        """The runs, the latest first."""
        if lead(self.root).is_file():
            return [self.root.resolve().name]
        found = [(begun(path.parent), path.parent.name) for path in leads(self.root) if self.inside(path)]
        return [name for _, name in sorted(found, reverse=True)[:MOST]]

    def inside(self, path: Path) -> bool:
        """Whether a file lies in the folder, links followed."""
        try:
            return path.is_file() and path.resolve().is_relative_to(self.root.resolve())
        except OSError:
            return False

    def record(self, name: str) -> Path:
        """The record of a run. Raises RecordError when the folder holds no such run."""
        alone = lead(self.root)
        with contextlib.suppress(OSError, ValueError):  # a name that is no name
            path = alone if alone.is_file() and name == self.root.resolve().name else lead(self.root / name)
            if Path(name).name == name and name not in ("", ".", "..") and self.inside(path):
                return path
        raise RecordError(f"there is no run {plain(name)[:TEXT]!r} in this folder")

    def about(self, name: str) -> dict[str, Any]:
        """A run in a line: what is known of it without reading its series."""
        path = self.record(name)
        try:
            with Reading(path) as record:
                meta = record.meta()
            size = path.stat().st_size
        except (RecordError, OSError) as error:
            return {"name": name, "error": str(error)}
        return {
            "name": name, "script": plain(meta.get("script", ""))[:TEXT], "steps": whole(meta.get("steps")),
            "started": number(meta.get("started")), "finished": number(meta.get("finished")), "bytes": size,
        }


def begun(folder: Path) -> float:
    """When a run's folder last got a file, which is at its beginning and its end; its record grows all the time."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def whole(value: object) -> int:
    """A count, or 0."""
    return value if isinstance(value, int) else 0


def number(value: object) -> float | None:
    """A number, or None."""
    return float(value) if isinstance(value, int | float) else None
