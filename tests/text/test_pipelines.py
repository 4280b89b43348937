"""Where scikit-learn's users put a text classifier and text vectors: searches on processes, calibration, tables with a text column."""

import pickle

import numpy as np
import pytest

from gradwell.errors import DataError, DependencyError, ModelFileError, OptionError
from gradwell.text import train_unsupervised
from tests.text.test_classifier import GOOD, TEXTS, Y

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402 - after the line that may skip the file
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402

from gradwell.text import TextClassifier, TextVectors  # noqa: E402

FEW = {"dim": 12, "epoch": 10, "lr": 0.1, "bucket": 1000}
WORDS = [["ball", "goal", "team", "match"], ["lion", "bear", "owl", "wolf"], ["cell", "gene", "virus", "nerve"]]
SHORT = [" ".join(WORDS[i % 3][(i // k) % 4] for k in (3, 5, 7)) for i in range(240)]  # of words that mean their class
KINDS = [i % 3 for i in range(240)]


def test_a_grid_search_on_two_processes_finds_what_one_finds():
    searches = [GridSearchCV(TextClassifier(**GOOD), {"epoch": [1, 8]}, cv=2, n_jobs=jobs, error_score="raise").fit(TEXTS, Y)
                for jobs in (1, 2)]
    assert searches[0].best_params_ == searches[1].best_params_ == {"epoch": 8}
    np.testing.assert_array_equal(*(search.cv_results_["mean_test_score"] for search in searches))


def test_joblib_keeps_a_fitted_pipeline(tmp_path):
    joblib = pytest.importorskip("joblib")
    fitted = make_pipeline(TextClassifier(**GOOD)).fit(TEXTS, Y)
    joblib.dump(fitted, tmp_path / "pipeline.joblib")
    np.testing.assert_array_equal(joblib.load(tmp_path / "pipeline.joblib").predict_proba(TEXTS), fitted.predict_proba(TEXTS))


def test_its_probabilities_can_be_calibrated():
    calibrated = CalibratedClassifierCV(TextClassifier(**GOOD), cv=2).fit(TEXTS, Y)
    found = calibrated.predict_proba(TEXTS)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-9)
    assert calibrated.score(TEXTS, Y) > 0.9


def test_texts_become_vectors_that_any_classifier_learns_from():
    pipeline = make_pipeline(TextVectors(**FEW), LogisticRegression(C=1e4, max_iter=1000))
    assert cross_val_score(pipeline, SHORT, KINDS, cv=3, error_score="raise").mean() > 0.95
    vectors = TextVectors(**FEW).fit(SHORT)
    found = vectors.transform(SHORT)
    assert found.shape == (len(SHORT), 12)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[3], vectors.model_.sentence_vector(SHORT[3]))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(vectors)).transform(SHORT), found)
    np.testing.assert_array_equal(clone(vectors).fit(SHORT).transform(SHORT), found)


def test_a_text_column_stands_beside_others_in_a_table():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": SHORT, "length": [len(text) for text in SHORT]})
    columns = ColumnTransformer([("words", TextVectors(**FEW), "text"), ("rest", "passthrough", ["length"])])
    found = columns.set_output(transform="pandas").fit_transform(table)
    assert list(found.columns) == [*(f"words__textvectors{i}" for i in range(12)), "rest__length"]
    assert make_pipeline(columns, LogisticRegression(C=1e4, max_iter=5000)).fit(table, KINDS).score(table, KINDS) > 0.95


def test_vectors_may_come_from_a_file(tmp_path):
    trained = train_unsupervised(["a b c d"] * 30, dim=6, minCount=1, bucket=100, verbose=0, thread=1)
    trained.save_model(tmp_path / "vectors.bin")
    found = TextVectors(tmp_path / "vectors.bin").fit_transform(["a b", "", "unseen"])
    np.testing.assert_allclose(found[0], trained.get_sentence_vector("a b"), atol=1e-6)
    assert not found[1].any()


@pytest.mark.parametrize(("options", "texts", "error"), [
    ({"pretrained": "gone.bin"}, ["a"], ModelFileError), ({"model": "supervised"}, ["a"], DataError), ({"dim": 0}, ["a"], OptionError),
    ({}, [1], DataError), ({}, [], DataError),
], ids=str)  # fmt: skip
def test_what_cannot_be_is_one_clear_error(options, texts, error):
    with pytest.raises(error):
        TextVectors(**options).fit(texts)


def test_vectors_must_be_fitted_first():
    with pytest.raises(NotFittedError):
        TextVectors().transform(["a"])


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    import sys

    for name in ("gradwell.text.vectors", "gradwell.text.classifier"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(DependencyError, match=r"pip install 'gradwell\[sklearn\]'"):
        _ = __import__("gradwell.text").text.TextVectors
