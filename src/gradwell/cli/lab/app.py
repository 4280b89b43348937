"""The commands of `gradwell lab`."""

from __future__ import annotations

import typer

from gradwell.cli.lab.listing import listing
from gradwell.cli.lab.run import run
from gradwell.cli.lab.show import show
from gradwell.cli.lab.sweep import sweep
from gradwell.cli.options import Lang, Language

app = typer.Typer(name="gradwell lab", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
for command in (run, sweep, show):
    app.command()(command)


@app.callback(invoke_without_command=True)
def lab(context: typer.Context, lang: Lang = Language.en) -> None:
    """List the claims of the lab with their last verdicts; `run` measures one, `sweep` at several values of knobs, `show` prints one."""
    if context.invoked_subcommand is None:
        listing(lang.value)
