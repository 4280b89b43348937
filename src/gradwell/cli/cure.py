"""`gradwell cure`: run a script again with one remedy at a time, and say what each did."""

from __future__ import annotations

import contextlib
import json as json_
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradwell.cli import output
from gradwell.cli.options import Json, codes
from gradwell.cli.run import RUNS
from gradwell.errors import RecordError, TargetError
from gradwell.watch import launcher
from gradwell.watch.settings import UNTOUCHED, Settings

if TYPE_CHECKING:
    from gradwell.doctor.record import Record
    from gradwell.doctor.trials import Trial

SEED = 0
POLL = 0.5  # seconds between two looks at how far a run is
Show = Callable[[str, int], object]


def cure(
    target: Annotated[list[str], typer.Argument(metavar="SCRIPT [ARGS]...", help="The script.")],
    steps: Annotated[int, typer.Option(metavar="N", min=10, help="Steps of each run, at most.")] = 500,
    apply: Annotated[str, typer.Option(metavar="CODES", help="Only the remedies of these rules: GW502,GW402.")] = "",
    module: Annotated[bool, typer.Option("-m", help="SCRIPT is a module's name, as for python -m.")] = False,
    run_dir: Annotated[str, typer.Option(metavar="DIR", help="Keep the records here instead of gradwell-runs/TIME-SCRIPT-cure.")] = "",
    json: Json = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Run a script again with one remedy at a time, applied from outside, and say what each did to the loss.

    Your files are never changed; what the script itself writes, it writes in every run.
    """
    command = launcher.command(target, module)
    agreed(shlex.join(target), steps, yes)
    folder = Path(run_dir) if run_dir else RUNS / f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{Path(target[0]).stem}-cure"
    if folder.exists() and any(folder.iterdir()):
        raise TargetError(f"{folder} is not empty; choose another --run-dir")
    folder.mkdir(parents=True, exist_ok=True)
    with bar(steps) as show:
        untouched, trials = tried(command, folder.absolute(), steps, codes(apply), show)
    from gradwell.report.trials import as_json, as_text

    if json:
        output.write(Path(json), json_.dumps(as_json(untouched, trials), indent=2) + "\n")
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    print(as_text(untouched, trials, width=width, color=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    return 0


def agreed(script: str, steps: int, yes: bool) -> None:
    """Tell what is about to happen, and ask. Raises TargetError where nobody can be asked."""
    if yes:
        return
    told = (f"{script} will be run several times, for at most {steps:,} steps each. Whatever it does besides training (files, downloads, "
            "messages) it does every time.")
    if not sys.stdin.isatty():
        raise TargetError(f"{told} Nobody can be asked here; say --yes if that is all right")
    typer.confirm(f"{told} Go on?", abort=True, err=True)


def tried(command: list[str], folder: Path, steps: int, wanted: list[str], show: Show) -> tuple[Record, list[Trial]]:
    """Run the script untouched and then with each remedy; the untouched run's record, and the trials.

    Raises TargetError when the script does not train, RuleError when a wanted remedy is not to be had.
    """
    from gradwell.doctor.catalogue import rule
    from gradwell.doctor.trials import candidates, trial

    for word in wanted:
        rule(word)
    untouched = once(command, folder / UNTOUCHED, steps, None, partial(show, "the untouched run"))
    if untouched is None or untouched.steps == 0:
        raise TargetError(f"the script made no training step; what it said is in {folder / UNTOUCHED / 'output.txt'}")
    found, trials = candidates(untouched, wanted), []
    for i, code in enumerate(found, 1):
        told = partial(show, f"remedy {i} of {len(found)}, {code} {rule(code).name}")
        trials.append(trial(code, untouched, once(command, folder / code, steps, code, told)))
    return untouched, trials


def once(command: list[str], folder: Path, steps: int, treatment: str | None, show: Callable[[int], object]) -> Record | None:
    """Run the script once in the dark, what it says kept in a file; its record, if it left one."""
    from gradwell.doctor.record import Record

    folder.mkdir()
    settings = Settings(str(folder), shlex.join(command[1:]), steps=steps, treatment=treatment, seed=SEED)
    environment = launcher.environment(settings) | {"PYTHONHASHSEED": str(SEED)}
    record = folder / "record.sqlite"
    with open(folder / "output.txt", "wb") as said, subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
    ) as process:
        while True:
            try:
                process.wait(POLL)
                break
            except subprocess.TimeoutExpired:
                with contextlib.suppress(RecordError):
                    show(Record.open(record).steps)
            except BaseException:
                process.terminate()
                raise
    return Record.open(record) if record.is_file() and record.stat().st_size else None


@contextlib.contextmanager
def bar(steps: int) -> Iterator[Show]:
    """A progress bar on stderr, where that is a terminal: what runs, and its steps so far."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=steps)
        yield lambda what, done: progress.update(task, description=what, completed=done)
