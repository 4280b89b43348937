"""`gradwell run`: watch a training script and say what is wrong with it."""

from __future__ import annotations

import contextlib
import os
import resource
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradwell.cli import output
from gradwell.cli.options import FailOn, Github, Html, Ignore, Json, Rules, Sarif, codes
from gradwell.errors import GradwellError, RecordError, TargetError
from gradwell.integrations.trackers.choice import Choice
from gradwell.watch import launcher
from gradwell.watch.settings import Settings

if TYPE_CHECKING:
    from gradwell.doctor.finding import Finding
    from gradwell.doctor.rule import Rule
    from gradwell.integrations.trackers.alongside import Alongside
    from gradwell.report.data import Report

FAILED = 3  # exit status for --fail-on
RUNS = Path("gradwell-runs")
BUDGET = 0.03  # share of the run's time
Writer = Callable[["Report", Path], None]


def run(
    target: Annotated[list[str], typer.Argument(metavar="SCRIPT [ARGS]...", help="The script, or a command such as: torchrun train.py")],
    module: Annotated[bool, typer.Option("-m", help="SCRIPT is a module's name, as for python -m.")] = False,
    json: Json = "",
    html: Html = "",
    sarif: Sarif = "",
    github: Github = None,
    run_dir: Annotated[str, typer.Option(metavar="DIR", help="Keep the record here instead of gradwell-runs/TIME-SCRIPT.")] = "",
    budget: Annotated[str, typer.Option(metavar="SHARE", show_default="3%",
                                        help="What watching may cost of the run's time: 3% or 0.03.")] = "",
    every: Annotated[int, typer.Option(metavar="N", min=0, help="Look at every Nth step instead of keeping to a budget.")] = 0,
    rules: Rules = "",
    ignore: Ignore = "",
    fail_on: Annotated[FailOn | None, typer.Option(
        show_default="never", help="Exit with status 3 on such a finding when the script itself ends well.")] = None,
    track: Annotated[Choice | None, typer.Option(help="Send numbers and findings to this tracker as they come.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> int:
    """Watch a training script and say what is wrong with it.

    The script runs as it would without us; its exit status is kept. The summary goes to stderr when it has ended.
    """
    from gradwell.doctor.finding import fails
    from gradwell.project import percentage, project

    wanted = project()
    share = percentage(budget) if budget else wanted.budget or BUDGET
    chosen, told = wanted.asked(codes(rules), codes(ignore)) if rules or ignore or wanted.file else (None, ())
    if track:
        track.check()
    command = launcher.command(target, module)
    name = target[0] if module else Path(next((word for word in target if word.endswith(".py")), target[0])).stem
    notices: list[str] = [*told]
    folder = run_folder(run_dir, name, notices)
    script = shlex.join((["-m"] if module else []) + target)
    settings = Settings(str(folder), script, share, every or None) if folder else None
    sent = following(track, folder, chosen) if track and folder else None
    try:
        status = launcher.run(command, settings, partial(prepare, sent))
    except TargetError:
        if folder:
            tidy(folder)
        raise
    findings: tuple[Finding, ...] = ()
    if status:
        notices.append(f"the script {ending(status)}; what is said here is of the part that ran")
    try:
        findings = conclude(folder, notices, chosen, {output.write_json: json, output.write_sarif: sarif, output.write_html: html}, quiet,
                            output.on_github(github), sent, not status)
    except GradwellError as error:
        output.complain(error)
    except BrokenPipeError:  # nobody reads the summary
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - or Python itself stumbles over it as it ends
    except Exception as error:  # noqa: BLE001 - whatever goes wrong here, the script's exit status is kept
        output.complain(f"the run cannot be judged: {type(error).__name__}: {error}")
    if status < 0:
        status = die_of(-status)
    return FAILED if status == 0 and fails(findings, fail_on or wanted.fail_on or "never") else status


def conclude(folder: Path | None, notices: list[str], chosen: Iterable[Rule] | None, files: dict[Writer, str], quiet: bool,
             github: bool, sent: Alongside | None = None, whole: bool = True) -> tuple[Finding, ...]:
    """Judge what was recorded, show it, and return the findings."""
    from gradwell.report.assemble import of_run

    report = of_run(folder, notices, chosen, whole)
    if folder and report.record and not files[output.write_html]:
        files[output.write_html] = str(folder / "report.html")
    written = set()
    for write, path in files.items():
        try:
            if path:
                write(report, Path(path))
                written.add(write)
        except RecordError as error:
            output.complain(error)
    if not quiet:
        output.summary(report, sys.stderr, github)
        if output.write_html in written:
            print(f"gradwell: the page is {files[output.write_html]}", file=sys.stderr)
    if sent is not None:
        told = sent.finish(lambda: report)
        if told and not quiet:
            print(f"gradwell: {told}", file=sys.stderr)
    if github:
        output.annotate(report, sys.stderr)
    if folder is not None and report.record is None:
        tidy(folder)
    return report.verdict.findings


def ending(status: int) -> str:
    """How a script ended that did not end well."""
    if status > 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def following(track: Choice, folder: Path, chosen: Iterable[Rule] | None) -> Alongside:
    """A thread that will follow the run's record and send what it holds."""
    from gradwell.integrations.trackers.alongside import Alongside, again, growing

    return Alongside(lambda: track.tracker(folder), growing(folder), again(folder), chosen)


def prepare(sent: Alongside | None = None) -> None:
    """Load what the end will need, while the script is loading what it needs; begin to send."""
    if sent is not None:
        sent.start()
    with contextlib.suppress(Exception):  # the end will say it
        from gradwell.doctor.catalogue import catalogue
        from gradwell.report import assemble, html, json, terminal  # noqa: F401 - to have them loaded

        catalogue()


def run_folder(wanted: str, name: str, notices: list[str]) -> Path | None:
    """Make the run folder; where that is impossible, one among the temporary files, or none.

    Raises RecordError when the wanted folder already holds a record.
    """
    stem = f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{name}"
    candidates = [Path(wanted)] if wanted else [RUNS / f"{stem}{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 1000)))]
    reason = ""
    for candidate in candidates:
        try:
            if wanted and list(candidate.glob("record*.sqlite")):
                raise RecordError(f"{wanted} already holds a record; choose another --run-dir, or remove it")
            candidate.mkdir(parents=True, exist_ok=bool(wanted))
            with tempfile.TemporaryFile(dir=candidate):
                return candidate.absolute()
        except FileExistsError:
            reason = "it exists already" + (" and is not a folder" if wanted else "")
        except OSError as error:
            reason = error.strerror or str(error)
            break
    try:
        folder = Path(tempfile.mkdtemp(prefix="gradwell-"))
    except OSError:
        notices.append(f"this run was not watched: {candidates[0]} cannot be written ({reason}), nor can the folder for temporary files")
        return None
    notices.append(f"{candidates[0]} cannot be written ({reason}); the record is in {folder}")
    return folder


def tidy(folder: Path) -> None:
    """Remove a run folder in which nothing was recorded, and the folder of runs when it is empty."""
    for path in (*folder.glob("record*.sqlite"), folder / "torch.txt"):
        with contextlib.suppress(OSError):
            path.unlink() if path.suffix == ".txt" or not path.stat().st_size else None
    with contextlib.suppress(OSError):
        folder.rmdir()
        if folder.parent.name == RUNS.name:
            folder.parent.rmdir()


def die_of(number: int) -> int:
    """End as the script did: of the same signal, so that whoever started us sees the same. Returns where that is impossible."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os.kill(os.getpid(), number)
    return 128 + number  # as a shell names it; the first process of a container cannot be killed by itself
