"""TextClassifier is a scikit-learn classifier: in its checks, its pipelines, its searches."""
# ruff: noqa: N803, N806 - X is scikit-learn's name

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from gradwell.errors import DataError, GradwellError, OptionError
from gradwell.text import load_model
from tests.text.oracle import answers, corpus, texts_of

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402 - after the line that may skip the file
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer  # noqa: E402
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402
from sklearn.utils.validation import validate_data  # noqa: E402

from gradwell.text import TextClassifier  # noqa: E402

LINES = corpus(300, 3)
TEXTS = texts_of(LINES)
CLASSES = ["sci med", "sport", "zoo"]  # one with a space, which a label of fastText cannot have
Y = [CLASSES[int(line.split()[0].removeprefix("__label__"))] for line in LINES]
GOOD = {"lr": 1.0, "dim": 12, "epoch": 5}


# scikit-learn's own checks


class OfRows(TextClassifier):
    """A TextClassifier that says it takes rows, so that scikit-learn gives it all of its checks."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = False, True
        return tags


class OfNumbers(OfRows):
    """Writes rows of numbers out as words and is then a TextClassifier: the checks give rows of numbers."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(rows(validate_data(self, X)), y, sample_weight)

    def predict(self, X):
        return super().predict(self.texts(X))

    def predict_proba(self, X):
        return super().predict_proba(self.texts(X))

    def texts(self, X):
        return rows(validate_data(self, X, reset=False)) if hasattr(self, "model_") else X


def rows(X):
    return [" ".join(f"{scale}:{j}:{round(float(value) * scale)}" for j, value in enumerate(row) for scale in (1, 4)) for row in X]


ITSELF = {  # these look at the estimator and never at a row, or expect it to refuse one
    "check_estimator_cloneable", "check_estimator_tags_renamed", "check_valid_tag_types", "check_estimator_repr",
    "check_no_attributes_set_in_init", "check_do_not_raise_errors_in_init_or_set_params", "check_mixin_order",
    "check_parameters_default_constructible", "check_get_params_invariance", "check_set_params", "check_estimators_unfitted",
    "check_estimator_sparse_tag", "check_estimator_sparse_array", "check_estimator_sparse_matrix",
    "check_estimators_partial_fit_n_features", "check_non_transformer_estimators_n_iter", "check_decision_proba_consistency",
}
CANNOT = {
    "check_sample_weight_equivalence_on_dense_data": "lines come in an order drawn by lot: one of weight 2 is near to two, not the same",
    "check_n_features_in_after_fitting": "a text has no number of features",
    "check_n_features_in": "a text has no number of features",
    "check_complex_data": "a text is no number, so no complex one",
    "check_dtype_object": "a text is no number in an array of objects",
    "check_estimators_nan_inf": "a text is no number; None and NaN are refused, see below",
    "check_estimators_empty_data_messages": "a text has no number of features, so not zero of them; an empty X is refused, see below",
    "check_estimators_dtypes": "a text is of no numeric type",
    "check_f_contiguous_array_estimator": "a column of texts has one order in memory",
    "check_array_api_input": "arrays of other libraries hold no texts",
    "check_fit1d": "a column of one dimension is what is asked for",
    "check_fit2d_predict1d": "a column of one dimension is what is asked for",
    "check_fit2d_1feature": "a text has no number of features",
    "check_positive_only_tag_during_fit": "a text is neither positive nor negative",
}
CHECKS = list(estimator_checks_generator(OfRows()))


def name_of(check):
    return check.func.__name__


@pytest.mark.parametrize("check", [check for _, check in CHECKS if name_of(check) not in {*CANNOT, *ITSELF}], ids=name_of)
def test_a_check_of_scikit_learn_passes(check):
    check(OfNumbers(lr=1.0, dim=16, epoch=30))


@pytest.mark.parametrize("check", [check for _, check in CHECKS if name_of(check) in ITSELF], ids=name_of)
def test_a_check_of_scikit_learn_passes_on_the_classifier_itself(check):
    check(OfRows())


def test_every_check_that_is_left_out_exists():
    assert {name_of(check) for _, check in CHECKS} >= set(CANNOT) | ITSELF


# Texts


@pytest.fixture(scope="module")
def fitted():
    return TextClassifier(**GOOD).fit(TEXTS, Y)


def test_texts_are_classified(fitted):
    assert fitted.score(TEXTS, Y) > 0.9
    assert fitted.classes_.tolist() == CLASSES
    assert set(fitted.predict(TEXTS)) <= set(CLASSES)
    assert not hasattr(fitted, "n_features_in_")
    assert fitted.n_iter_ == len(fitted.history_) == 5


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_probabilities_add_up_to_one_in_the_order_of_the_classes(loss):
    model = TextClassifier(loss=loss, **GOOD).fit(TEXTS, Y)
    found = model.predict_proba([*TEXTS, ""])
    assert found.shape == (len(TEXTS) + 1, 3)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)
    assert (found >= 0).all()
    assert (model.classes_[found.argmax(1)] == model.predict([*TEXTS, ""])).mean() > 0.95  # ns and ova may give equal ones
    by_name = answers_by_class(model)
    ids, values = model.model_.predict(TEXTS[:20], k=-1)
    for row, one, scores in zip(found, ids, values, strict=False):
        np.testing.assert_allclose(row[[by_name[i] for i in one]], scores / scores.sum(), atol=1e-6)


def answers_by_class(model):
    """The column of each label of the model."""
    names = [name.replace(" ", "_") for name in model.classes_]
    return [names.index(label.removeprefix("__label__")) for label in model.model_.labels]


def test_a_text_without_a_known_word_gets_the_share_of_each_class():
    model = TextClassifier(minCount=6, **GOOD).fit(["x x x", "x x x", "y", "y", "y"], [1, 2, 2, 2, 1])  # x alone is kept
    np.testing.assert_allclose(model.predict_proba(["unseen", ""]), [[0.4, 0.6]] * 2)
    assert model.predict(["unseen", ""]).tolist() == [2, 2]


KINDS_OF_CLASS = [[3, 1, 2], [True, False, True], ["b", "a", "c"], [0.0, 1.0, 0.0], np.array(["x", "y", "z"], object)]


@pytest.mark.parametrize("labels", KINDS_OF_CLASS, ids=str)
def test_classes_may_be_of_any_kind(labels):
    values = [labels[int(line.split()[0][-1])] for line in LINES]
    model = TextClassifier(**GOOD).fit(TEXTS, values)
    assert model.score(TEXTS, values) > 0.9
    assert model.classes_.tolist() == sorted({value.item() if hasattr(value, "item") else value for value in labels})
    assert model.predict(TEXTS).dtype == model.classes_.dtype


def test_classes_whose_names_differ_in_spaces_alone_stay_apart():
    model = TextClassifier(**GOOD).fit(["p q", "r s"] * 20, ["a b", "a\tb"] * 20)
    assert model.predict(["p q", "r s"]).tolist() == ["a b", "a\tb"]


def test_every_column_of_the_same_texts_gives_the_same_model(fitted):
    pandas, arrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    columns = [tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, object), pandas.Series(TEXTS), arrow.array(TEXTS), iter(TEXTS)]
    classes = [np.array(Y), Y, pandas.Series(Y), pandas.Series(Y, dtype="category"), arrow.array(Y), np.array(Y, object)]
    for X, y in zip(columns, classes, strict=True):
        model = TextClassifier(**GOOD).fit(X, y)
        np.testing.assert_array_equal(model.model_.input, fitted.model_.input)
        assert model.classes_.tolist() == CLASSES
    for X in columns[:-1]:
        np.testing.assert_array_equal(fitted.predict_proba(X), fitted.predict_proba(TEXTS))


def test_a_newline_in_a_text_is_a_space(fitted):
    np.testing.assert_array_equal(fitted.predict_proba(["the1\nthe2"]), fitted.predict_proba(["the1 the2"]))
    assert len(TextClassifier(**GOOD).fit(["a\nb", "c"], [0, 1]).predict(["a\nb", "c"])) == 2


def test_a_word_that_looks_like_a_label_gives_nothing_away():
    model = TextClassifier(**GOOD).fit(["__label__b x", "__label__a y"] * 20, ["a", "b"] * 20)
    assert model.predict(["__label__b x", "__label__a y"]).tolist() == ["a", "b"]


def test_a_seed_makes_fitting_reproducible_and_others_differ(fitted):
    again = clone(fitted).fit(TEXTS, Y)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    other = clone(fitted).set_params(seed=1).fit(TEXTS, Y)
    assert (other.predict_proba(TEXTS) != fitted.predict_proba(TEXTS)).any()


def test_it_can_be_pickled(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    assert repr(again) == repr(fitted) == "TextClassifier(dim=12, lr=1.0)"


def test_its_model_can_be_saved_for_fasttext(fitted, tmp_path):
    fasttext = pytest.importorskip("fasttext")
    from gradwell.text import files

    files.save(fitted.model_, tmp_path / "model.bin")
    assert sorted(fasttext.load_model(str(tmp_path / "model.bin")).labels) == ["__label__sci_med", "__label__sport", "__label__zoo"]
    best = [max(answer, key=answer.get).removeprefix("__label__") for answer in answers(load_model(tmp_path / "model.bin"), TEXTS[:5])]
    assert best == [name.replace(" ", "_") for name in fitted.predict(TEXTS[:5])]


# Weights and validation


def test_sample_weights_count():
    texts, y = ["x"] * 20, ["a", "b"] * 10
    even = TextClassifier(**GOOD).fit(texts, y).predict_proba(["x"])[0, 0]
    heavy = TextClassifier(**GOOD).fit(texts, y, sample_weight=[3, 1] * 10)
    assert heavy.predict_proba(["x"])[0, 0] > even + 0.1
    assert heavy.class_prior_.tolist() == [0.75, 0.25]


def test_class_weights_count():
    texts, y = ["x"] * 40, [7, 7, 7, 8] * 10
    shares = [TextClassifier(class_weight=weight, **GOOD).fit(texts, y).predict_proba(["x"])[0, 1] for weight in (None, {8: 3}, "balanced")]
    assert shares[1] > shares[0] + 0.1
    assert shares[2] > shares[0] + 0.1


def test_validation_keeps_the_best_epoch_and_patience_stops():
    model = TextClassifier(lr=1.0, dim=12, epoch=50, validation_fraction=0.2, patience=3).fit(TEXTS, Y)
    assert model.n_iter_ < 50
    scores = [epoch.validation["f1"] for epoch in model.history_]
    assert scores.index(max(scores)) == model.n_iter_ - 4
    assert model.score(TEXTS, Y) > 0.9


# Where classifiers go


def test_it_works_in_a_pipeline():
    pipeline = Pipeline([("lower", FunctionTransformer(lower)), ("classifier", TextClassifier(**GOOD))])
    assert pipeline.fit(TEXTS, Y).score([text.upper() for text in TEXTS], Y) > 0.9
    assert pipeline.classes_.tolist() == CLASSES


def lower(texts):
    return [text.lower() for text in texts]


def test_it_works_in_cross_validation():
    assert cross_val_score(TextClassifier(**GOOD), np.array(TEXTS), Y, cv=3, error_score="raise").mean() > 0.8
    assert cross_val_score(TextClassifier(**GOOD), TEXTS, Y, cv=3, scoring="neg_log_loss", error_score="raise").mean() > -0.8


def test_it_works_in_a_grid_search():
    grid = {"wordNgrams": [1, 2], "epoch": [1, 8], "bucket": [1000]}
    search = GridSearchCV(TextClassifier(**GOOD), grid, cv=2, error_score="raise").fit(TEXTS, Y)
    assert search.best_params_["epoch"] == 8
    assert search.predict(TEXTS[:3]).tolist() == search.best_estimator_.predict(TEXTS[:3]).tolist()


# What cannot be


def test_it_must_be_fitted_first():
    with pytest.raises(NotFittedError):
        TextClassifier().predict(["a"])


BAD_X = ["one text", [["a"], ["b"]], np.array([["a"], ["b"]]), [1, 2], ["a", None], ["a", float("nan")], 5, [b"a", b"b"]]


@pytest.mark.parametrize("X", BAD_X, ids=repr)
def test_what_is_no_column_of_texts_is_an_error(fitted, X):
    with pytest.raises(DataError, match=r"column of texts|must be text|lines of text"):
        TextClassifier().fit(X, [0, 1])
    with pytest.raises(DataError):
        fitted.predict(X)


def test_a_table_or_a_sparse_matrix_is_an_error():
    pandas = pytest.importorskip("pandas")
    csr_array = pytest.importorskip("scipy.sparse").csr_array
    with pytest.raises(DataError, match=r"DataFrame of shape \(2, 1\)"):
        TextClassifier().fit(pandas.DataFrame({"text": ["a", "b"]}), [0, 1])
    with pytest.raises(DataError, match="sparse"):
        TextClassifier().fit(csr_array(np.eye(2)), [0, 1])


BAD_Y = [
    ([["a"], ["b"]], "lists"), (None, "requires y"), ([0.5, 0.7], "continuous"), ([0.0, float("nan")], "NaN"), (["a", None], "missing"),
    (np.eye(2), "1d array"), (["a"], "inconsistent"),
]


@pytest.mark.parametrize(("y", "what"), BAD_Y, ids=repr)
def test_what_is_no_class_for_each_text_is_an_error(y, what):
    with pytest.raises((ValueError, TypeError), match=what):
        TextClassifier().fit(["x", "y"], y)


BAD_OPTIONS = [
    ({"lr": -1}, "lr is -1"), ({"loss": "hinge"}, "hinge"), ({"class_weight": {"no": 1}}, "'no'"), ({"class_weight": "even"}, "'even'"),
    ({"validation_fraction": 2}, "validation_fraction is 2"), ({"validation_fraction": "a"}, "'a'"),
    ({"patience": 2}, "validation_fraction"),
]


@pytest.mark.parametrize(("options", "what"), BAD_OPTIONS, ids=str)
def test_an_impossible_option_is_an_error_when_fitting(options, what):
    with pytest.raises(OptionError, match=what):
        TextClassifier(**options).fit(["x", "y"], ["a", "b"])


@pytest.mark.parametrize("weight", [[1], [1, -1], [0, 0], [[1], [1]], ["a", "b"], [1, float("nan")]], ids=repr)
def test_an_impossible_weight_is_an_error(weight):
    with pytest.raises(OptionError, match="sample_weight"):
        TextClassifier().fit(["x", "y"], ["a", "b"], sample_weight=weight)


def test_no_texts_are_an_error(fitted):
    with pytest.raises(DataError, match="empty"):
        TextClassifier().fit([], [])
    with pytest.raises(DataError, match="empty"):
        fitted.predict([])


# Imports


def test_scikit_learn_is_imported_only_when_asked_for():
    code = "import sys, gradwell.text\nassert not {'sklearn', 'torch', 'numba'} & set(sys.modules)\ngradwell.text.TextClassifier\n"
    subprocess.run([sys.executable, "-c", code + "assert 'sklearn' in sys.modules and 'torch' not in sys.modules"], check=True)


def test_without_scikit_learn_the_error_says_what_to_install(tmp_path):
    (tmp_path / "sklearn.py").write_text("raise ImportError('no scikit-learn here')\n")
    code = "import gradwell.text, gradwell.errors\ntry: gradwell.text.TextClassifier\nexcept gradwell.errors.DependencyError as e: print(e)"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert "pip install 'gradwell[sklearn]'" in done.stdout


def test_a_name_that_is_not_there_is_an_attribute_error():
    import gradwell.text

    assert "TextClassifier" in dir(gradwell.text)
    with pytest.raises(AttributeError, match="nothing"):
        _ = gradwell.text.nothing
    assert issubclass(DataError, GradwellError)
