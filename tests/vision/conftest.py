"""Handwritten digits (8 x 8 pixels, from scikit-learn), and a classifier of them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gradwell import vision
from gradwell.vision import Images, Options

SMALL = Options(width=12, epochs=10, batch=32, lr=0.01, shift=0.0, erase=0.0, label_smoothing=0.0)


def digits(first, last):
    found = load_digits()
    pixels = np.round(found.images[first:last, None] * 255 / 16).astype(np.uint8)
    return Images(pixels, found.target[first:last].astype(np.int64), tuple("0123456789"), "digits")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder of a trained classifier."""
    where = tmp_path_factory.mktemp("vision") / "model"
    vision.train(digits(0, 1200), digits(1200, 1400), SMALL, where)
    return where


@pytest.fixture
def classifier(folder):
    return vision.load(folder)
