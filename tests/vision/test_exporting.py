"""The classifier in ONNX Runtime."""

import pytest
import torch

from gradwell.vision.exporting import export
from tests.vision.conftest import digits


@pytest.mark.parametrize("count", [1, 5])
def test_the_runtime_gives_the_same_probabilities_for_any_number_of_images(classifier, tmp_path, count):
    onnxruntime = pytest.importorskip("onnxruntime")
    export(classifier, tmp_path / "m.onnx")
    test = digits(1400, 1400 + count)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(["probabilities"], {"pixels": test.pixels})[0])
    torch.testing.assert_close(found, classifier.probabilities(test), rtol=1e-4, atol=1e-5)
