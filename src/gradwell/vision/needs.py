"""The libraries that an image classifier needs beside torch, loaded when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gradwell.errors import DependencyError

INSTALLED_AS = {"PIL": "pillow"}


def needed(name: str, what: str) -> Any:
    """A module, or an error that says how to get it."""
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise DependencyError(
            f"{what} needs {INSTALLED_AS.get(package, package)}; install it with `pip install 'gradwell[vision]'`"
        ) from None


def lightning() -> Any:
    """The library that runs training loops."""
    return needed("lightning.pytorch", "training an image classifier")
