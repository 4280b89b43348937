"""An image classifier for ONNX Runtime: pixels in, probabilities out, for any number of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gradwell.folder import write
from gradwell.onnx import exported
from gradwell.vision.model import Judge

if TYPE_CHECKING:
    from gradwell.vision.classifier import ImageClassifier


def export(made: ImageClassifier, path: str | os.PathLike[str]) -> None:
    """Write the classifier as ONNX: input `pixels` (batch, channels, height, width) of bytes, output `probabilities` (batch, classes)."""
    example = torch.zeros(3, *made.shape, dtype=torch.uint8)
    dynamic = {"pixels": {0: torch.export.Dim("batch")}}
    write(Path(path), exported(Judge(made.model, made.options.flip).eval(), (example,), ["pixels"], ["probabilities"], dynamic))
