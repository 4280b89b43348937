"""`gradwell translate export`: a translator for ONNX Runtime."""

from __future__ import annotations

from typing import Annotated

import typer

from gradwell import translate as room
from gradwell.cli.translate.arguments import Model


def export(model: Model, folder: Annotated[str, typer.Argument(metavar="FOLDER", help="The folder to make.")]) -> int:
    """Write encoder and step cell as ONNX, for any batch and source length, with the vocabularies: `OnnxTranslator` takes the folder."""
    from gradwell.translate.exporting import export as exported

    exported(room.load(model), folder)
    return 0
