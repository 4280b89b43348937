"""`gradwell vision export`: a classifier for ONNX Runtime."""

from __future__ import annotations

from typing import Annotated

import typer

from gradwell import vision as room
from gradwell.cli.vision.arguments import Model


def export(model: Model, output: Annotated[str, typer.Argument(metavar="FILE.onnx", help="The file to write.")]) -> int:
    """Write the classifier as ONNX: bytes of pixels in, probabilities out, for any number of images."""
    from gradwell.vision.exporting import export as exported

    exported(room.load(model), output)
    return 0
