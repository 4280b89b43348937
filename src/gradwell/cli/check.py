"""`gradwell check`: try a model, its loss and its optimizer on one batch before training."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gradwell.errors import TargetError

PARTS = ("model", "loss_fn", "optimizer", "batch")


def check(
    target: Annotated[str, typer.Argument(metavar="MODULE:FACTORY", help="A function that returns model, loss_fn, optimizer and batch.")],
) -> int:
    """Try a model, its loss and its optimizer on one batch, in seconds; exit status 1 when something is wrong.

    FACTORY is a function of a module or file (train.py:make) that takes nothing and returns (model, loss_fn, optimizer, batch), or a
    dict with these names; batch is (inputs, target).
    """
    import gradwell

    made = made_by(target)
    if isinstance(made, Mapping):
        missing = [name for name in PARTS if name not in made]
        if missing:
            raise TargetError(f"{target} returned a dict without {', '.join(missing)}; it must have {', '.join(PARTS)}")
        made = [made[name] for name in PARTS]
    if not isinstance(made, (list, tuple)) or len(made) != len(PARTS):
        raise TargetError(f"{target} returned {type(made).__name__}; it must return ({', '.join(PARTS)})")
    result = gradwell.check(*made)
    print(result)
    return 0 if result.passed else 1


def made_by(target: str, ready: Callable[[Any], bool] = lambda _: False) -> Any:
    """What the factory returns, or what stands there itself if it is `ready`. Raises TargetError when it cannot be found or fails."""
    name, _, function = target.rpartition(":")
    if not name or not function:
        raise TargetError(f"{target!r} is not MODULE:FACTORY; give for example train:make or train.py:make")
    sys.path.insert(0, os.getcwd())
    try:
        module = from_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
        factory = getattr(module, function, None)
        if ready(factory):
            return factory
        if not callable(factory):
            raise TargetError(f"{name} has no function {function!r}")
        return factory()
    except TargetError:
        raise
    except ModuleNotFoundError as error:
        raise TargetError(f"cannot import {name}: {error}") from error
    except Exception as error:
        raise TargetError(f"{target} failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from error


def from_file(path: Path) -> Any:
    """A module from its file."""
    if not path.is_file():
        raise TargetError(f"there is no file {str(path)!r} here (the working directory is {Path.cwd()})")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[path.stem] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
