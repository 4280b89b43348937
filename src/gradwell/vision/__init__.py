"""Image classification with small convolutional networks.

`read` takes images from IDX files, an npz or folders, `train` makes a classifier from them, `load` takes one from its folder. torch is
imported when one of them is asked for.
"""

from typing import TYPE_CHECKING

from gradwell.lazy import lazily

if TYPE_CHECKING:
    from gradwell.vision.classifier import ImageClassifier, Prediction
    from gradwell.vision.files import load
    from gradwell.vision.images import Images
    from gradwell.vision.options import Options
    from gradwell.vision.reading import read
    from gradwell.vision.scores import Scores
    from gradwell.vision.training import train

__all__ = ["ImageClassifier", "Images", "Options", "Prediction", "Scores", "load", "read", "train"]
__getattr__, __dir__ = lazily(__name__, {
    "ImageClassifier": "classifier", "Images": "images", "Options": "options", "Prediction": "classifier", "Scores": "scores",
    "load": "files", "read": "reading", "train": "training",
})
