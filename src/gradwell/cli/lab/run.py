"""`gradwell lab run`: measure claims."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from gradwell.cli import output
from gradwell.cli.lab.words import words
from gradwell.cli.options import Lang, Language
from gradwell.errors import OptionError
from gradwell.lab import Experiment, catalogue, experiment, results
from gradwell.lab.knobs import knobs, typed
from gradwell.lab.result import load, save
from gradwell.lab.rows import Row
from gradwell.lab.running import SEEDS, with_knobs
from gradwell.lab.shelf import OWN, file
from gradwell.lab.spread import shown

FAILED, INTERRUPTED = 1, 130


def run(
    claims: Annotated[list[str] | None, typer.Argument(metavar="CLAIM ...", help="Which; `gradwell lab` lists them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All claims.")] = False,
    seeds: Annotated[int, typer.Option(metavar="N", help="How often each is measured, each time with another seed.")] = SEEDS,
    knob: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Turn a knob; `gradwell lab show CLAIM` lists them.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="In the quick form, of a second or two.")] = False,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes that measure at once.")] = 1,
    missing: Annotated[bool, typer.Option("--missing", help="Only those that have no result yet; goes on after an interrupt.")] = False,
    folder: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where the results are kept.")] = OWN,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    lang: Lang = Language.en,
) -> int:
    """Measure claims over several seeds, and again without their cause; exit status 1 when one does not hold, or holds without it, too."""
    chosen = [with_knobs(one, quick) for one in wanted(claims or [], every)]
    if knob:
        if len(chosen) != 1:
            raise OptionError(f"--knob turns the knobs of one claim; {len(chosen)} were named")
        chosen = [typed(chosen[0], knob)]
    if missing:
        chosen = [one for one in chosen if not there(one, seeds, folder)]
        if not chosen:
            print(f"nothing is missing: {folder} holds a result of all of them")
            return 0
    failed = done = 0
    with Progress(len(chosen) * seeds * 2, quiet) as progress:
        try:
            for result in results(chosen, seeds, jobs, progress.tell):
                one = next(one for one in chosen if one.id == result.id)
                save(result, file(one, folder))
                print(words(one, result, lang.value), end="\n\n", flush=True)
                done, failed = done + 1, failed + (not result.stands)
        except KeyboardInterrupt:
            output.complain(f"interrupted; {done} of {len(chosen)} claims are measured and kept in {folder}; --missing goes on")
            return INTERRUPTED
    if len(chosen) > 1:
        print(f"{done - failed} of {done} claims hold, and fail without their cause; the results are in {folder}")
    return FAILED if failed else 0


def wanted(claims: list[str], every: bool) -> list[Experiment]:
    """The experiments that were named."""
    if bool(claims) == every:
        raise OptionError("name the claims to measure, or --all; `gradwell lab` lists them")
    return list(catalogue()) if every else [experiment(name) for name in dict.fromkeys(claims)]


def there(one: Experiment, seeds: int, folder: Path) -> bool:
    """Whether a result of these knobs and seeds is kept already."""
    path = file(one, folder)
    if not path.is_file():
        return False
    result = load(path)
    same = {knob.name: list(knob.value) if knob.several else knob.value for knob in knobs(one)} == result.main.knobs
    return same and result.seeds == seeds and result.claim == one.claim()


class Progress:
    """A bar on stderr: seeds measured, and the row that came last."""

    def __init__(self, total: int, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        console = Console(stderr=True)
        last = TextColumn("{task.fields[row]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        self.bar = Bar(TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), last,
                       console=console, transient=True, disable=quiet or not console.is_terminal)
        self.task = self.bar.add_task("measuring", total=total, row="")
        self.told = quiet or console.is_terminal
        self.total = total

    def __enter__(self) -> Progress:
        sys.stdout.flush()
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.stop()

    def tell(self, one: Experiment, row: Row | None) -> None:
        """One more row, or the end of a seed."""
        if not self.told:
            print(f"measuring {self.total} times, each with another seed, half of them without the cause", file=sys.stderr, flush=True)
            self.told = True
        about = ", ".join(f"{name} {shown(value) if isinstance(value, float) else value}" for name, value in (row or {}).items())
        self.bar.update(self.task, description=one.id, advance=0 if row else 1, row=about)
