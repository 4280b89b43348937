"""The commands of `gradwell hub`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gradwell.cli.options import codes

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The folder of a translator or image classifier, or the file of a text model.")]
Repo = Annotated[str, typer.Argument(metavar="REPO", help="Its name on the Hub: user/name.")]
Test = Annotated[str, typer.Option(metavar="DATA", help="Measure it on this for the card: labelled lines, a table of pairs, or images.")]
Languages = Annotated[str, typer.Option("--language", metavar="CODES", help="Languages that the card states: de,en.")]
License = Annotated[str, typer.Option(metavar="NAME", help="The license that the card states, as the Hub spells it: apache-2.0.")]
Name = Annotated[str, typer.Option(metavar="REPO", help="What it will be called.")]

app = typer.Typer(name="gradwell hub", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def push(
    model: Model, repo: Repo, test: Test = "", language: Languages = "", license: License = "",
    private: Annotated[bool, typer.Option("--private", help="Let nobody else see it, where the repository is new.")] = False,
) -> int:
    """Put a model on the Hub as safetensors, with a card that holds the doctor's report; print its address."""
    from gradwell.integrations import hub

    print(hub.push_to_hub(model, repo, test=test, languages=codes(language), license=license, private=private))
    return 0


@app.command()
def pull(
    repo: Repo,
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where to put it.")],
    revision: Annotated[str, typer.Option(metavar="NAME", help="A branch, a tag or a commit.")] = "",
) -> int:
    """Fetch a model from the Hub into a folder, once it has proved to be whole."""
    from gradwell.integrations import hub

    where = hub.pull(repo, folder, revision=revision or None)
    print(f"{repo} is in {where}; its card, {where / 'README.md'}, says how it is used", file=sys.stderr)
    return 0


@app.command()
def card(model: Model, test: Test = "", language: Languages = "", license: License = "", name: Name = "") -> int:
    """Print the card that a model would get; nothing leaves this machine."""
    from gradwell.integrations import hub

    sys.stdout.write(hub.card(model, test, codes(language), license, name))
    return 0


@app.callback()
def hub_() -> None:
    """Share text models, translators and image classifiers on the Hugging Face Hub."""
