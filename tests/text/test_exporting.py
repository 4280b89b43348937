"""A text classifier in ONNX Runtime says what it says here."""

import numpy as np
import pytest

from gradwell.errors import DataError, DependencyError, OptionError
from gradwell.text import exporting, train_supervised, train_unsupervised
from tests.command import inside

runtime = pytest.importorskip("onnxruntime")
LABELS = "abcdefg"
LINES = [f"__label__{LABELS[i % 7]} w{i % 7} x{(i * 5) % 11} größe{i % 3}" for i in range(300)] + ["__label__a w0 rare"] * 5
TEXTS = ["w0 x3", "w1 w1 w1 größe2", "unseen", "", "  w3   unseen x1 ", "w6", "__label__b w2"]
SETTINGS = {"dim": 8, "epoch": 8, "lr": 0.5, "verbose": 0, "thread": 1}


def session_of(model, path):
    exporting.export(model, path)
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def agrees(model, session, inputs, within):
    ids, values = model.predict(TEXTS, k=-1)
    label, found = session.run(["label", "probabilities"], inputs)
    expected = np.zeros_like(found)
    for i, row in enumerate(ids):
        expected[i, row[row >= 0]] = values[i][row >= 0]
    np.testing.assert_allclose(found, expected, atol=within)
    best = found.argmax(1)
    assert label.tolist() == [model.labels[j] if found[i].any() else "" for i, j in enumerate(best)]
    assert [not one for one in label] == (ids[:, 0] < 0).tolist()


WITHIN = {"softmax": 1e-5, "hs": 1e-3, "ns": 0.009, "ova": 0.009}  # fastText's sigmoid has steps of 1/32, and a path adds 1e-5 at each turn


@pytest.mark.parametrize("loss", WITHIN)
def test_where_words_alone_count_text_goes_in_and_labels_come_out(tmp_path, loss):
    model = train_supervised(LINES, loss=loss, **SETTINGS).model
    agrees(model, session_of(model, tmp_path / "m.onnx"), {"text": np.array(TEXTS, object)}, WITHIN[loss])


@pytest.mark.parametrize("options", [{"wordNgrams": 2}, {"minn": 2, "maxn": 3}, {"wordNgrams": 2, "loss": "hs"}], ids=str)
def test_with_n_grams_the_rows_go_in(tmp_path, options):
    model = train_supervised(LINES, bucket=300, **SETTINGS, **options).model
    session = session_of(model, tmp_path / "m.onnx")
    agrees(model, session, {"rows": exporting.rows(model, TEXTS)}, WITHIN[model.options.loss])


def test_a_quantised_model_is_written_out_in_full(tmp_path):
    many = [f"{line} other{i}" for i, line in enumerate(LINES)]
    made = train_supervised(many, **SETTINGS)
    made.quantize()
    agrees(made.model, session_of(made.model, tmp_path / "m.onnx"), {"text": np.array(TEXTS, object)}, 1e-5)


def test_any_number_of_lines_at_once_gives_the_same(tmp_path):
    session = session_of(train_supervised(LINES, **SETTINGS).model, tmp_path / "m.onnx")
    together = session.run(["probabilities"], {"text": np.array(TEXTS, object)})[0]
    for text, expected in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(session.run(["probabilities"], {"text": np.array([text], object)})[0][0], expected, atol=1e-6)


def test_word_vectors_have_nothing_to_export(tmp_path):
    model = train_unsupervised(["a b c"] * 20, dim=4, minCount=1, bucket=10, verbose=0, thread=1).model
    with pytest.raises(OptionError, match="only a classifier can be exported"):
        exporting.export(model, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_no_texts_have_no_rows():
    model = train_supervised(LINES, wordNgrams=2, bucket=300, **SETTINGS).model
    with pytest.raises(DataError, match="there are no texts"):
        exporting.rows(model, [])


def test_without_onnx_the_error_says_what_to_install(tmp_path, monkeypatch):
    model = train_supervised(LINES, **SETTINGS).model
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(DependencyError, match=r"pip install 'gradwell\[onnx\]'"):
        exporting.export(model, tmp_path / "m.onnx")


def test_export_is_a_command(tmp_path):
    train_supervised(LINES, **SETTINGS).save_model(tmp_path / "m.bin")
    done = inside("text", "export", "m.bin", "m.onnx", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    assert session.run(["label"], {"text": np.array(["w0 w0"], object)})[0].tolist() == ["__label__a"]
    done = inside("text", "export", "gone.bin", "m.onnx", cwd=tmp_path)
    assert done.returncode == 2
    assert "gone.bin cannot be opened" in done.stderr
