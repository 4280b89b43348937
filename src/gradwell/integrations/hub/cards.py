"""The model card: what the Hub reads of it (YAML), and what a person does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gradwell
from gradwell.errors import DependencyError, ModelFileError
from gradwell.integrations.hub.kind import Score, Shared
from gradwell.report.words import count, facts, number, plain


def card_of(shared: Shared, name: str, doctor: dict[str, Any] | None, test: str, languages: Sequence[str], license: str) -> str:
    """The card of a model, with what was measured on the test data where some is given."""
    with stated():
        scores, told = [dataclasses.replace(score, value=float(score.value)) for score in shared.learned], trained(shared)
    scores += shared.measured(test) if test else []
    python, shell = shared.usage(name)
    gap = "" if python.startswith("from ") else "\n"  # one import below another
    parts = [
        f"---\n{front(shared, scores, languages, license)}\n---",
        f"# {name.rpartition('/')[2]}", cell(shared.summary), "## How to use it",
        f"```bash\npip install 'gradwell[{shared.extra},hub]'\n```",
        f"```python\nfrom gradwell.integrations.hub import from_pretrained\n{gap}{python}\n```",
        f"```bash\ngradwell hub pull {name} model\n{shell}\n```",
        "## How good it is", *table(scores), "## What the doctor said of its training", *(report(doctor) if doctor else [shared.unwatched]),
        "## What it was trained with", told,
    ]
    return "\n\n".join(parts) + "\n"


@contextmanager
def stated() -> Iterator[None]:
    """Complain of what a model states of its training where that cannot be; loading it does not look."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelFileError(f"what the model states of its training is damaged: {type(error).__name__}: {error}") from None


def front(shared: Shared, scores: list[Score], languages: Sequence[str], license: str) -> str:
    """What the Hub reads."""
    try:
        from huggingface_hub import ModelCardData
    except ModuleNotFoundError:
        raise DependencyError("a model card needs huggingface_hub; install it with `pip install 'gradwell[hub]'`") from None
    metrics = list(dict.fromkeys(score.name for score in scores)) or None
    data = ModelCardData(
        library_name="gradwell", pipeline_tag=shared.task, language=list(languages) or None, license=license or None, metrics=metrics,
    )
    return str(data.to_yaml()).strip()


def table(scores: list[Score]) -> list[str]:
    """What was measured."""
    if not scores:
        return ["It was not measured on held-out data."]
    rows = [f"| {score.name} | {number(score.value, 4)} | {cell(score.on)} | {cell(score.how)} |" for score in scores]
    return ["\n".join(["| measure | value | on | how |", "|---|---|---|---|", *rows])]


def report(doctor: dict[str, Any]) -> Iterator[str]:
    """What the doctor found, the most blamed first, and what it could not see."""
    learned, findings, looked = doctor["learned"], doctor["findings"], doctor["overhead"].get("samples")
    closely = f" ({looked:,} looked at closely)" if looked is not None else ""
    found = count(len(findings), "finding") if findings else "nothing was found"
    yield (f"Gradwell's doctor watched {count(doctor['steps'], 'step')}{closely}: {found}. "
           f"Has it learned? {learned['answer'].capitalize()}: {cell(learned['because'])}.")
    for finding in findings:
        evidence = "; ".join(f"{label}: {text}" for label, text in facts(finding["evidence"]))
        rows = [("evidence", evidence), ("cause", finding["cause"]), ("remedy", finding["remedy"]),
                ("explains", ", ".join(f"{below['code']} {below['name']}" for below in finding["explains"]))]
        lines = [f"- {label}: {cell(text)}" for label, text in rows if text]
        named = f"**{finding['severity']} {finding['code']} {finding['name']}** at `{plain(finding['where']['module'])}`"
        yield "\n".join([f"{named}: {cell(finding['title'])}", "", *lines])
    if doctor["notices"]:
        yield "What it could not see:\n\n" + "\n".join(f"- {cell(notice)}" for notice in doctor["notices"])


def trained(shared: Shared) -> str:
    """The choices that differ from the defaults, and how long it took."""
    options = shared.options
    chosen = [f"`{field.name}={getattr(options, field.name)!r}`" for field in dataclasses.fields(options)
              if getattr(options, field.name) != field.default]
    history = shared.history
    took = (f"{count(len(history), 'epoch')} in {number(sum(epoch['seconds'] for epoch in history))} seconds; loss of the last "
            f"{number(history[-1]['loss'])}. " if history else "")
    return (f"{took}Options that differ from the defaults: {', '.join(chosen) or 'none'}; `config.json` holds all of them. "
            f"Packed by Gradwell {gradwell.__version__}.")


def cell(text: object) -> str:
    """Text on one line, in which nothing breaks a table or passes for HTML."""
    return plain(text).replace("|", "\\|").replace("<", "&lt;")
