"""Image classification with small convolutional networks.

`read` takes images from IDX files, an npz or folders, `train` makes a classifier from them, `load` takes one from its folder. torch is
imported when one of them is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradwell.vision.classifier import ImageClassifier, Prediction
    from gradwell.vision.files import load
    from gradwell.vision.images import Images
    from gradwell.vision.options import Options
    from gradwell.vision.reading import read
    from gradwell.vision.scores import Scores
    from gradwell.vision.training import train

__all__ = ["ImageClassifier", "Images", "Options", "Prediction", "Scores", "load", "read", "train"]
HOMES = {
    "ImageClassifier": "classifier", "Images": "images", "Options": "options", "Prediction": "classifier", "Scores": "scores",
    "load": "files", "read": "reading", "train": "training",
}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"gradwell.vision.{HOMES[name]}"), name)
    raise AttributeError(f"module 'gradwell.vision' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *HOMES])
