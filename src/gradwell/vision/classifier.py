"""A trained image classifier: images in, classes with their probabilities out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.errors import DataError
from gradwell.vision import files
from gradwell.vision.images import Images
from gradwell.vision.model import Judge
from gradwell.vision.options import Options
from gradwell.vision.scores import Scores, scores

AT_ONCE = 512  # images


@dataclass(frozen=True)
class Prediction:
    """The likeliest classes of an image with their probabilities, the likeliest first."""

    name: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]


class ImageClassifier:
    """Predicts and is scored; `load` gives one, `train` makes one."""

    def __init__(
        self, options: Options, classes: tuple[str, ...], shape: tuple[int, int, int], model: nn.Module,
        history: list[dict[str, Any]] | None = None,
    ) -> None:
        self.options, self.classes, self.shape, self.model = options, classes, shape, model
        self.history = history or []

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return sum(weight.numel() for weight in self.model.parameters())

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write it to a folder, from which `load` gives it back."""
        files.save(self, folder)

    def probabilities(self, images: Images) -> Tensor:
        """How probable each class is for each image: (images, classes).

        A classifier that was trained with `flip` gives the mean for the image and its mirror image: twice the time, and some of its
        mistakes less. Raises DataError where the images are of another shape.
        """
        if images.shape != self.shape:
            (c, h, w), (channels, height, width) = images.shape, self.shape
            raise DataError(
                f"{images.called(0)} is {w} x {h} pixels of {c} channels; the classifier was trained on {width} x {height} of {channels}"
            )
        judge = Judge(self.model, self.options.flip).eval()
        with torch.no_grad():
            return torch.cat([judge(torch.from_numpy(images.pixels[i : i + AT_ONCE])) for i in range(0, len(images), AT_ONCE)])

    def predict(self, images: Images, top: int = 1) -> list[Prediction]:
        """The `top` likeliest classes of each image."""
        values, places = self.probabilities(images).topk(min(top, len(self.classes)))
        return [Prediction(images.called(i), tuple(self.classes[k] for k in some), tuple(p))
                for i, (p, some) in enumerate(zip(values.tolist(), places.tolist(), strict=True))]

    def score(self, images: Images) -> Scores:
        """How often it is right, class by class."""
        return scores(images.labels, self.probabilities(images).argmax(1).numpy(), self.classes)
