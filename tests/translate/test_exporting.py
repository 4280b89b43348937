"""A translator in ONNX Runtime says what it says in torch."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from gradwell import translate
from gradwell.errors import DependencyError, ModelFileError
from gradwell.translate import Beam
from gradwell.translate.alignment import alignment
from gradwell.translate.exporting import INPUTS, OUTPUTS, StepCell, example, export
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.options import Options
from gradwell.translate.translator import Translator
from tests.translate.conftest import TEN
from tests.translate.test_vocabulary import SUBWORDS

pytestmark = pytest.mark.filterwarnings("ignore")  # the exporter's own
runtime = pytest.importorskip("onnxruntime")
KINDS = [
    {"attention": "coverage"}, {"attention": "none"}, {"attention": "local-p", "shared_vocabulary": False, "input_feeding": False},
    {"cell": "lstm", "attention": "general", "encoder_layers": 2, "decoder_layers": 2},
]
SENTENCES = ["a dog runs.", "the dog, the cat", "cats run", "", "two dogs run in 1984 the cat a dog the two cats", "a"]
BEAMS = [None, Beam(1), Beam(4, 0.5), Beam(3, 1.0, 0.4)]


@pytest.fixture(scope="module", params=KINDS, ids=str)
def both(request, tmp_path_factory):
    """An untrained translator with large weights, whose translations are long and its own; and the same in ONNX."""
    torch.manual_seed(0)
    options = Options(embedding=8, hidden=16, **request.param)
    model = EncoderDecoder(options, len(SUBWORDS), len(SUBWORDS)).eval()
    for weight in model.parameters():
        weight.data *= 3
    ours = Translator(options, SUBWORDS, SUBWORDS, model)
    folder = tmp_path_factory.mktemp("onnx") / "model"
    export(ours, folder)
    return ours, folder, translate.OnnxTranslator(folder, threads=1)


@pytest.mark.parametrize("beam", BEAMS, ids=str)
def test_a_search_finds_the_same_tokens_scores_and_weights(both, beam):
    ours, _, theirs = both
    for expected, found in zip(ours.candidates(SENTENCES, beam), theirs.candidates(SENTENCES, beam), strict=True):
        assert [one.tokens for one in found] == [one.tokens for one in expected]
        for a, b in zip(found, expected, strict=True):
            assert (a.text, a.source_tokens) == (b.text, b.source_tokens)
            assert a.rank == pytest.approx(b.rank, abs=1e-3)
            np.testing.assert_allclose(a.scores, b.scores, atol=1e-4)
            np.testing.assert_allclose(a.weights, b.weights, atol=1e-4)
            np.testing.assert_allclose(alignment(a).weights, alignment(b).weights, atol=1e-3)


def test_the_step_cell_agrees_at_any_batch_and_source_length(both):
    ours, folder, _ = both
    session = runtime.InferenceSession(str(folder / "step.onnx"), providers=["CPUExecutionProvider"])
    for batch, time in ((3, 5), (1, 2), (7, 11)):
        inputs = example(ours, batch, time)
        inputs["mask"][0, -1] = False
        inputs["token"] = torch.arange(batch) % 5 + 4
        with torch.no_grad():
            expected = StepCell(ours.model.decoder).eval()(*(inputs[name] for name in INPUTS))
        names = [one.name for one in session.get_inputs()]
        found = session.run(OUTPUTS, {name: value.numpy() for name, value in inputs.items() if name in names})
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b.numpy(), atol=1e-5)


def test_the_encoder_is_not_moved_by_what_stands_beside_a_sentence(both):
    _, _, theirs = both
    rows = theirs.source.encode([text for text in SENTENCES if text])
    together = theirs.begin(rows)
    for i, row in enumerate(rows):
        for name, alone in theirs.begin([row]).items():
            part = together[name][i, : alone.shape[1]] if name in ("coverage", "keys", "values", "mask") else together[name][i]
            np.testing.assert_allclose(part, alone[0], atol=1e-5)


@pytest.fixture(scope="module")
def exported(translator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "model"
    export(translator, folder)
    return folder


def test_what_was_learned_by_heart_is_translated_without_torch(exported):
    code = """
import sys
from gradwell.translate import Beam, OnnxTranslator
made = OnnxTranslator(sys.argv[1])
for beam in (None, Beam(4)):
    print(*(one.text for one in made.translate(sys.argv[2:], beam)), sep="\\n")
assert not {"torch", "lightning"} & set(sys.modules), "torch was loaded"
"""
    done = subprocess.run([sys.executable, "-c", code, exported, *TEN.source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [*TEN.target, *TEN.target]


@pytest.mark.parametrize(("name", "content", "says"), [
    ("encoder.onnx", None, "holds no exported translator: there is no encoder.onnx; `gradwell translate export` makes one"),
    ("step.onnx", b"not a model", "is not a model that ONNX Runtime can load"),
    ("target.json", b"{}", "holds no vocabulary"),
    ("source.json", b"\xff", "cannot be read: it is not text"),
], ids=lambda value: str(value))  # fmt: skip
def test_a_damaged_folder_is_one_clear_error(exported, tmp_path, name, content, says):
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=says) as raised:
        translate.OnnxTranslator(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_folder_that_holds_a_model_is_left_alone(translator, by_heart):
    with pytest.raises(ModelFileError, match="already holds a model"):
        export(translator, by_heart)


def test_without_onnxruntime_the_error_says_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DependencyError, match=r"pip install 'gradwell\[onnx\]'"):
        translate.OnnxTranslator(exported)
