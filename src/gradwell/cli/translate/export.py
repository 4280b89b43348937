"""`gradwell translate export`: the step cell for ONNX Runtime."""

from __future__ import annotations

from typing import Annotated

import typer

from gradwell import translate as room
from gradwell.cli.translate.arguments import Model


def export(model: Model, output: Annotated[str, typer.Argument(metavar="FILE.onnx", help="The file to write.")]) -> int:
    """Write one step of the decoder as ONNX, for any batch and source length."""
    from gradwell.translate.exporting import export_step

    export_step(room.load(model), output)
    return 0
