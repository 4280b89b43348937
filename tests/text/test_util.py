"""The calls of `fasttext.util` answer as upstream's; a shorter model says about the same."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwell.errors import DataError, GradwellError, OptionError
from gradwell.text import load_model, train_supervised, train_unsupervised, util
from tests.text.oracle import CHECK, KINDS, QUIET, answers, corpus, same_answers, texts_of, written

fasttext = pytest.importorskip("fasttext")
theirs_util = pytest.importorskip("fasttext.util")

LINES = corpus(400, 6)
TEXTS = texts_of(LINES)
OURS = {"verbose": 0, "thread": 1, "lr": 0.5, "epoch": 5}
LABELS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)


@CHECK
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=10), st.integers(1, 3))
def test_precision_and_recall_are_upstreams(pairs, k):
    predictions, labels = [p for p, _ in pairs], [t for _, t in pairs]
    assert util.test(predictions, labels, k) == pytest.approx(theirs_util.test(predictions, labels, k))


def test_the_figures_of_a_model_come_out_of_its_predictions():
    model = train_supervised(LINES, **OURS)
    found = util.test(model.predict(TEXTS, k=2)[0], model.get_line(LINES)[1], k=2)
    assert found == pytest.approx(model.test(LINES, k=2)[1:])


@CHECK
@given(st.integers(0, 2**32), st.sets(st.integers(0, 19), max_size=19))
def test_the_nearest_neighbour_is_upstreams(seed, ban):
    rng = np.random.default_rng(seed)
    vectors, query = rng.normal(size=(20, 5)), rng.normal(size=5)
    scores = np.empty(20)
    assert util.find_nearest_neighbor(query, vectors, ban, scores) == theirs_util.find_nearest_neighbor(query, vectors, ban)
    np.testing.assert_array_equal(scores, vectors @ query)


def test_nothing_to_choose_or_to_divide_by_is_an_error():
    with pytest.raises(DataError, match="ban_set"):
        util.find_nearest_neighbor(np.ones(2), np.ones((2, 2)), {0, 1})
    with pytest.raises(DataError, match="nothing to divide by"):
        util.test([], [])


def test_the_directions_are_those_of_an_eigendecomposition():
    x = np.random.default_rng(0).normal(size=(500, 8)) * np.arange(8, 0, -1)
    found = util.directions(x, 3)
    values, vectors = np.linalg.eig(np.cov(x.T))  # as upstream finds them, but for the order
    expected = vectors[:, np.argsort(-values)[:3]]
    np.testing.assert_allclose(np.abs((found * expected).sum(0)), 1, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["softmax", "hs", "ova"])
def test_a_model_of_all_its_directions_answers_the_same(loss, kind):
    model = train_supervised(LINES, loss=loss, dim=12, **OURS, **KINDS[kind])
    expected = answers(model, TEXTS[:30])
    same_answers(answers(util.reduce_model(model, 12), TEXTS[:30]), expected, 3e-3 if loss == "ova" else 1e-5)  # ova answers in steps


@pytest.mark.parametrize("kind", KINDS)
def test_a_reduced_model_is_shorter_and_nearly_as_good(tmp_path, kind):
    model = train_supervised(LINES, dim=30, **OURS, **KINDS[kind])
    before = model.test(LINES)[1]
    assert util.reduce_model(model, 6) is model
    assert model.dim == model.get_dimension() == len(model["the1"]) == 6
    assert model.test(LINES)[1] > before - 0.03
    model.save_model(tmp_path / "model.bin")
    same_answers(answers(fasttext.load_model(str(tmp_path / "model.bin")), TEXTS[:30]), answers(model, TEXTS[:30]))
    model.save_model(tmp_path / "model.safetensors")
    assert answers(load_model(tmp_path / "model.safetensors"), TEXTS[:30]) == answers(model, TEXTS[:30])


def test_reduced_word_vectors_keep_their_neighbours():
    rng = random.Random(0)
    lines = [" ".join(f"{topic}{rng.randrange(8)}" for _ in range(8)) for topic in "abc" for _ in range(200)]
    model = train_unsupervised(lines, minn=0, maxn=0, minCount=1, dim=20, **OURS)
    util.reduce_model(model, 4)
    assert {name[0] for _, name in model.get_nearest_neighbors("a1", 5)} == {"a"}


def test_a_model_reduced_by_either_says_about_the_same(tmp_path):
    """Of words alone, so that both find the directions from the same rows."""
    text = written(tmp_path / "text.txt", TEXTS)
    theirs = fasttext.train_unsupervised(text, dim=10, minCount=1, minn=0, maxn=0, lr=0.5, epoch=5, **QUIET)
    theirs.save_model(str(tmp_path / "model.bin"))
    ours = util.reduce_model(load_model(tmp_path / "model.bin"), 10)
    theirs_util.reduce_model(theirs, 10)  # all directions: the order that upstream gives them in does not matter
    mine, other = (np.stack([model[word] for word in ours.words]) for model in (ours, theirs))
    np.testing.assert_allclose(mine @ mine.T, other @ other.T, atol=1e-4)


def test_what_cannot_be_reduced_is_an_error(tmp_path):
    model = train_supervised(LINES, dim=4, **OURS)
    for dim in (0, 5):
        with pytest.raises(OptionError, match=f"target_dim is {dim}"):
            util.reduce_model(model, dim)
    many = [f"__label__{i % 300} {text} w{i}" for i, text in enumerate(TEXTS)]
    small = fasttext.train_supervised(written(tmp_path / "text.txt", many), dim=4, epoch=1, **QUIET)
    small.quantize()
    small.save_model(str(tmp_path / "model.ftz"))
    with pytest.raises(DataError, match="quantised"):
        util.reduce_model(load_model(tmp_path / "model.ftz"), 2)


def test_nothing_is_downloaded():
    with pytest.raises(GradwellError, match=r"downloads nothing.*cc\.de\.300\.bin\.gz"):
        util.download_model("de")
