"""The classifier in ONNX Runtime, and what it does with mirror images."""

import pytest
import torch

from gradwell.vision import ImageClassifier, Images
from gradwell.vision.exporting import export
from tests.vision.conftest import digits


def judging(classifier, flip):
    return ImageClassifier(classifier.options.with_(flip=flip), classifier.classes, classifier.shape, classifier.model)


@pytest.mark.parametrize("flip", [False, True])
def test_a_classifier_trained_with_mirror_images_judges_each_image_both_ways(classifier, flip):
    test = digits(1400, 1420)
    other = Images(test.pixels[..., ::-1].copy(), test.labels, test.classes)
    here, there = (classifier.probabilities(images) for images in (test, other))
    torch.testing.assert_close(judging(classifier, flip).probabilities(test), (here + there) / 2 if flip else here)


@pytest.mark.parametrize(("count", "flip"), [(1, False), (5, True)])
def test_the_runtime_gives_the_same_probabilities_for_any_number_of_images(classifier, tmp_path, count, flip):
    onnxruntime = pytest.importorskip("onnxruntime")
    made = judging(classifier, flip)
    export(made, tmp_path / "m.onnx")
    test = digits(1400, 1400 + count)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(["probabilities"], {"pixels": test.pixels})[0])
    torch.testing.assert_close(found, made.probabilities(test), rtol=1e-4, atol=1e-5)
