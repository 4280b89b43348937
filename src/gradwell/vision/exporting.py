"""An image classifier for ONNX Runtime: pixels in, probabilities out, for any number of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gradwell.folder import write
from gradwell.onnx import exported

if TYPE_CHECKING:
    from gradwell.vision.classifier import ImageClassifier


class Whole(nn.Module):
    """The network with the softmax after it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (batch, channels, height, width), bytes from 0 to 255 -> probabilities (batch, classes)."""
        scores: Tensor = self.model(pixels.float())
        return scores.softmax(1)


def export(made: ImageClassifier, path: str | os.PathLike[str]) -> None:
    """Write the classifier as ONNX: input `pixels` (batch, channels, height, width) of bytes, output `probabilities` (batch, classes)."""
    example = torch.zeros(3, *made.shape, dtype=torch.uint8)
    dynamic = {"pixels": {0: torch.export.Dim("batch")}}
    write(Path(path), exported(Whole(made.model).eval(), (example,), ["pixels"], ["probabilities"], dynamic))
