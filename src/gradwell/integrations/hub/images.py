"""Image classifiers, as they are shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradwell import vision
from gradwell.integrations.hub.kind import Score, Shared, some
from gradwell.vision.files import FORMAT


class Classifies(Shared):
    """An image classifier."""

    form, extra = FORMAT, "vision"
    model: vision.ImageClassifier

    @staticmethod
    def load(folder: Path) -> vision.ImageClassifier:
        """The model."""
        return vision.load(folder)

    @property
    def task(self) -> str:
        """What it does, as the Hub calls it."""
        return "image-classification"

    @property
    def summary(self) -> str:
        """What it is."""
        made, (channels, height, width) = self.model, self.model.shape
        return (f"An image classifier: a {made.options.network} network of {made.parameters:,} parameters for "
                f"{'grey' if channels == 1 else 'colour'} images of {width} x {height} pixels in {len(made.classes):,} classes: "
                f"{some(made.classes)}.")

    @property
    def options(self) -> vision.Options:
        """The choices of its training."""
        return self.model.options

    @property
    def history(self) -> list[dict[str, Any]]:
        """The figures of each epoch."""
        return self.model.history

    @property
    def learned(self) -> list[Score]:
        """What was measured while it was trained."""
        found = [epoch["accuracy"] for epoch in self.history if "accuracy" in epoch]
        return [Score("accuracy", max(found), "the images held out in training")] if found else []

    def measured(self, data: str) -> list[Score]:
        """What is measured now."""
        made, options = self.model, self.model.options
        found = made.score(vision.read(data, "test", options.size, options.channels, made.classes))
        return [Score("accuracy", found.accuracy, Path(data).name, f"{found.images:,} images")]

    def usage(self, name: str) -> tuple[str, str]:
        """How it is used, in Python and on the command line."""
        return (f'from gradwell.vision.reading import to_predict\n\nclassifier = from_pretrained("{name}")\n'
                'images, unread = to_predict(["photos"], classifier.options.size, classifier.options.channels)\n'
                "classifier.predict(images, top=3)",
                "gradwell vision predict model photos/*.png --top 3")
