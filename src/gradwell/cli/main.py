"""The `gradwell` command: gathers the commands, and turns every error into one clear line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import gradwell
from gradwell.cli.explain import explain
from gradwell.cli.judge import judge
from gradwell.cli.rules import rules
from gradwell.cli.run import run
from gradwell.cli.runs import runs
from gradwell.cli.show import show
from gradwell.errors import GradwellError

USAGE = 2  # exit status: what was asked for cannot be done

app = typer.Typer(name="gradwell", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(context_settings={"allow_interspersed_args": False})(run)
for command in (judge, show, runs, rules, explain):
    app.command()(command)


def version(value: bool) -> None:
    """Print the version and stop."""
    if value:
        typer.echo(f"gradwell {gradwell.__version__}")
        raise typer.Exit


@app.callback()
def gradwell_(_: Annotated[bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")] = False) -> None:
    """Deep learning you can see inside: watch a PyTorch training script and name what is wrong."""


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit status 2."""
    try:
        status = app(standalone_mode=False)
    except GradwellError as error:
        print(f"gradwell: {error}", file=sys.stderr)
        status = USAGE
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except BrokenPipeError:
        sys.stderr.close()
        status = 141
    except Exception as error:
        if not hasattr(error, "format_message"):  # what the argument parser has to say
            raise
        print(f"gradwell: {error.format_message().rstrip('.')}; see `gradwell --help`", file=sys.stderr)
        status = USAGE
    sys.exit(status or 0)
