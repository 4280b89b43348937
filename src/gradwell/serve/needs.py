"""What serving needs beyond the base installation."""

from __future__ import annotations

from importlib.util import find_spec

from gradwell.errors import DependencyError


def needed() -> None:
    """Raise DependencyError where the packages of the extra `serve` are missing."""
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise DependencyError(f"the page needs {' and '.join(missing)}; install with: pip install 'gradwell[serve]'")
