"""The `gradwell` command: gathers the commands, and turns every error into one clear line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import gradwell
from gradwell.cli import output
from gradwell.cli.check import check
from gradwell.cli.cure import cure
from gradwell.cli.explain import explain
from gradwell.cli.hub.main import hub
from gradwell.cli.inspect import inspect
from gradwell.cli.judge import judge
from gradwell.cli.lab.main import lab
from gradwell.cli.rules import rules
from gradwell.cli.run import run
from gradwell.cli.runs import runs
from gradwell.cli.serve import serve
from gradwell.cli.show import show
from gradwell.cli.text.main import SETTINGS, text
from gradwell.cli.track import track
from gradwell.cli.translate.main import translate
from gradwell.cli.vision.main import vision
from gradwell.errors import GradwellError

USAGE = 2  # exit status: what was asked for cannot be done

app = typer.Typer(name="gradwell", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(context_settings={"allow_interspersed_args": False})(run)
app.command(context_settings={"allow_interspersed_args": False})(cure)
for command in (check, inspect, judge, show, serve, track, runs, rules, explain):
    app.command()(command)
for room in (text, translate, vision, lab, hub):
    app.command(context_settings=SETTINGS)(room)


def version(value: bool) -> None:
    """Print the version and stop."""
    if value:
        typer.echo(f"gradwell {gradwell.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def gradwell_(
    context: typer.Context,
    _: Annotated[bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Deep learning you can see inside: watch a PyTorch training script and name what is wrong."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit status 2."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - it stays open to the end
        getattr(sys, name).reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to stop
    try:
        typed = sys.argv[1:]  # `text` reads its flags itself: typer takes longer to start than a small prediction
        status = text(typed[1:]) if typed[:1] == ["text"] else app(standalone_mode=False)
        sys.stdout.flush()
    except GradwellError as error:
        status = complaint(str(error))
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python itself stumbles over it as it ends
        status = 141
    except OSError as error:
        status = complaint(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        if not hasattr(error, "format_message"):  # what the argument parser has to say
            raise
        said = error.format_message().rstrip(".").replace("Value error, ", "")  # the words of typer's own parser
        command = getattr(getattr(error, "ctx", None), "command_path", "") or "gradwell"
        status = complaint(f"{said}; see `{command} --help`")
    sys.exit(status or 0)


def complaint(text: str) -> int:
    """Say in one line what was wrong with the input; return the exit status."""
    output.complain(text)
    return USAGE
