"""Where a file lies in the user's repository, as tools outside this machine name it."""

from __future__ import annotations

from pathlib import Path


def root() -> Path:
    """The folder of the repository around the working directory; the working directory where there is none."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


def within(file: str) -> str | None:
    """The path of a file below the root, with forward slashes; None where it lies elsewhere."""
    try:
        return Path(file).absolute().relative_to(root()).as_posix()
    except ValueError:
        return None
