"""`gradwell check`: try a model, its loss and its optimizer on one batch before training."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradwell.cli import output
from gradwell.cli.options import FailOn, Github
from gradwell.errors import DependencyError, TargetError
from gradwell.report.words import plain

if TYPE_CHECKING:
    from gradwell.project import Project

PARTS = ("model", "loss_fn", "optimizer", "batch")


def check(
    targets: Annotated[list[str] | None, typer.Argument(
        metavar="MODULE:FACTORY ...", help="Functions that give model, loss_fn, optimizer and batch.",
        show_default="the project's")] = None,
    fail_on: Annotated[FailOn | None, typer.Option(show_default="error", help="From which severity on the exit status is 1.")] = None,
    github: Github = None,
) -> int:
    """Try a model, its loss and its optimizer on one batch, in seconds; exit status 1 when something is wrong.

    FACTORY is a function of a module or file (train.py:make) that takes nothing and returns (model, loss_fn, optimizer, batch), or a
    dict with these names; batch is (inputs, target). Without a name, those are tried that pyproject.toml names: [tool.gradwell] check.
    """
    from gradwell.project import project

    wanted = project()
    chosen = targets or list(wanted.check)
    if not chosen:
        raise TargetError('name what to check, such as train.py:make, or put check = ["train.py:make"] under [tool.gradwell]')
    least, failed = fail_on or wanted.fail_on or "error", 0
    for target in chosen:
        if len(chosen) > 1:
            print(f"== {target}", flush=True)
        failed += tried(target, wanted, least, output.on_github(github))
    return 1 if failed else 0


def tried(target: str, wanted: Project, least: str, github: bool) -> bool:
    """Check one target and print what is said of it; whether it failed. A check that fails is as bad as an error."""
    from gradwell.doctor.finding import fails

    asked, told = wanted.asked()
    model, loss, optimizer, batch = parts(target)
    try:
        from gradwell.watch.checkup import check
    except ModuleNotFoundError as error:
        raise DependencyError("gradwell check needs PyTorch; install it with: pip install torch") from error
    result = check(model, loss, optimizer, batch, asked)
    text = "\n".join((str(result), *(f"notice: {plain(sentence)}" for sentence in told)))
    if github:
        from gradwell.report.github import commands, harmless

        text = "\n".join((harmless(text), *commands(result.findings)))
    print(text, flush=True)
    return least != "never" and (any(one.passed is False for one in result.checks) or fails(result.findings, least))


def parts(target: str) -> list[Any]:
    """Model, loss, optimizer and batch, as the factory returns them. Raises TargetError when it returns anything else."""
    made = made_by(target)
    if isinstance(made, Mapping):
        missing = [name for name in PARTS if name not in made]
        if missing:
            raise TargetError(f"{target} returned a dict without {', '.join(missing)}; it must have {', '.join(PARTS)}")
        made = [made[name] for name in PARTS]
    if not isinstance(made, (list, tuple)) or len(made) != len(PARTS):
        raise TargetError(f"{target} returned {type(made).__name__}; it must return ({', '.join(PARTS)})")
    return list(made)


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
