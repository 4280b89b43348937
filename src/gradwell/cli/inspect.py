"""`gradwell inspect`: every layer of a model in numbers."""

from __future__ import annotations

import json as text
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gradwell.cli import output
from gradwell.cli.check import PARTS, made_by
from gradwell.errors import TargetError


def inspect(
    target: Annotated[str, typer.Argument(metavar="MODULE:FACTORY", help="A function or class that makes a model, or a model itself.")],
    input: Annotated[list[str] | None, typer.Option(
        "--input", metavar="SHAPE", help="Shape of an input without the batch: 1x28x28, 20:long. Once for each input.")] = None,
    json: Annotated[str, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON.")] = "",
    html: Annotated[str, typer.Option("--html", metavar="FILE", help="Write a page to this file.")] = "",
) -> None:
    """Say of each layer of a model what it holds, how it is connected, what it sees of the input, and what it costs.

    FACTORY belongs to a module or a file (train.py:make). It takes nothing and returns a model, or what `gradwell check` takes: (model,
    loss_fn, optimizer, batch) or a dict with these names, whose batch then is the input unless --input is given. An input of whole
    numbers, such as words, has its type behind a colon: --input 20:long.
    """
    import gradwell

    model, batch = parts(target)
    given: Any = list(input) if input else batch
    if given is None:
        raise TargetError("inspect needs to know the shape of the model's input; give it without the batch, such as --input 3x32x32")
    told = gradwell.inspect(model, given)
    if json:
        output.write(Path(json), text.dumps(told.as_dict(), indent=2, allow_nan=False) + "\n")
    if html:
        from gradwell.report.inspection import as_html

        output.write(Path(html), as_html(told.as_dict()))
    from gradwell.nets.inspection.table import as_text

    print(as_text(told.as_dict(), width=shutil.get_terminal_size((100, 24)).columns))


def parts(target: str) -> tuple[Any, Any]:
    """The model, and the inputs of the batch if there is one. Raises TargetError when there is no model."""
    from torch import nn

    made = made_by(target, lambda found: isinstance(found, nn.Module))
    if isinstance(made, Mapping):
        made = tuple(made.get(name) for name in PARTS)
    model, *rest = made if isinstance(made, (list, tuple)) and made else [made]
    if not isinstance(model, nn.Module):
        raise TargetError(f"{target} gave {type(made).__name__} and no model; it must give a torch.nn.Module, or ({', '.join(PARTS)})")
    batch = rest[-1] if len(rest) == len(PARTS) - 1 else None
    return model, batch[0] if isinstance(batch, (list, tuple)) and batch else None
