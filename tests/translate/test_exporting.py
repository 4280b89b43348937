"""The step cell in ONNX Runtime says what it says in torch."""

import numpy as np
import pytest
import torch

from gradwell.errors import OptionError
from gradwell.translate.exporting import INPUTS, OUTPUTS, StepCell, example, export_step
from gradwell.translate.options import Options
from gradwell.translate.translator import Translator
from tests.translate.test_model import model_of
from tests.translate.test_vocabulary import SUBWORDS


def translator_of(**options):
    return Translator(Options(embedding=8, hidden=16, **options), SUBWORDS, SUBWORDS, model_of(**options))


@pytest.mark.filterwarnings("ignore")  # the exporter's own
@pytest.mark.parametrize("options", [{}, {"cell": "lstm", "attention": "general"}, {"attention": "coverage"}], ids=str)
def test_the_step_cell_agrees_at_another_batch_and_source_length(tmp_path, options):
    runtime = pytest.importorskip("onnxruntime")
    translator = translator_of(**options)
    export_step(translator, tmp_path / "step.onnx")
    session = runtime.InferenceSession(str(tmp_path / "step.onnx"), providers=["CPUExecutionProvider"])
    for batch, time in ((3, 5), (1, 2), (7, 11)):
        inputs = example(translator, batch, time)
        inputs["mask"][0, -1] = False
        inputs["token"] = torch.arange(batch) % 5 + 4
        with torch.no_grad():
            expected = StepCell(translator.model.decoder).eval()(*(inputs[name] for name in INPUTS))
        names = [one.name for one in session.get_inputs()]
        found = session.run(OUTPUTS, {name: value.numpy() for name, value in inputs.items() if name in names})
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b.numpy(), atol=1e-5)


def test_without_attention_there_is_no_step_cell(tmp_path):
    with pytest.raises(OptionError, match="without attention"):
        export_step(translator_of(attention="none"), tmp_path / "step.onnx")
