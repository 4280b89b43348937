"""The libraries that a translator needs beside torch, loaded when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gradwell.errors import DependencyError


def needed(name: str, what: str) -> Any:
    """A module, or an error that says how to get it."""
    try:
        return import_module(name)
    except ImportError:
        raise DependencyError(f"{what} needs {name.partition('.')[0]}; install it with `pip install 'gradwell[translate]'`") from None


def lightning() -> Any:
    """The library that runs training loops."""
    return needed("lightning.pytorch", "training a translator")


def sacrebleu() -> Any:
    """The library that measures translations."""
    return needed("sacrebleu", "measuring translations")


def tokenizers() -> Any:
    """The library that learns subwords."""
    return needed("tokenizers", "a translator")
