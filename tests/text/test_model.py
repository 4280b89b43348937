"""A model answers as upstream answers: predictions, vectors, neighbours, subwords, lines."""

import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwell.errors import DataError, OptionError
from gradwell.text import load_model, tokenize, train_supervised, train_unsupervised
from gradwell.text.prediction import plain
from tests.text.oracle import CHECK, KINDS, LOSSES, answers, corpus, same_answers, texts_of

fasttext = pytest.importorskip("fasttext")

OURS = {"verbose": 0, "thread": 1, "dim": 10, "lr": 0.5, "epoch": 5}
LINES = corpus(300, several=True)
TEXTS = texts_of(LINES)
WORDS = ["the1", "中文", "of", "wört11", "rare5", "unseen", "</s>", "\u00a0", "__label__0", ""]
LINE = st.lists(st.sampled_from([*WORDS, "__label__no", "\t", "\0", "\r"]), max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("model")


def both(folder, name, model):
    """The model, and upstream's reading of its file."""
    model.save_model(folder / f"{name}.bin")
    return model, fasttext.load_model(str(folder / f"{name}.bin"))


@pytest.fixture(scope="module")
def classifiers(folder):
    """A classifier for each loss with n-grams of both kinds, beside upstream's reading of it."""
    options = {"wordNgrams": 2, "minn": 2, "maxn": 3, "bucket": 2000}
    return {loss: both(folder, loss, train_supervised(LINES, loss=loss, **OURS, **options)) for loss in LOSSES}


@pytest.fixture(scope="module")
def vectors(folder):
    """Word vectors with subwords, beside upstream's reading of them."""
    return both(folder, "vectors", train_unsupervised(TEXTS, minCount=2, bucket=2000, **OURS))


@pytest.fixture
def model(classifiers):
    return classifiers["softmax"][0]


# Predictions


@pytest.mark.parametrize("loss", LOSSES)
def test_a_text_has_the_answer_types_of_fasttext(classifiers, loss):
    labels, scores = classifiers[loss][0].predict("the1 of", k=3)
    assert isinstance(labels, tuple)
    assert [type(label) for label in labels] == [str] * 3
    assert scores.dtype == np.float64
    assert scores.shape == (3,)
    assert scores.flags.writeable  # cc_net rounds them in place


@pytest.mark.parametrize("loss", LOSSES)
def test_a_list_has_the_answer_types_of_fasttext(classifiers, loss):
    ours, theirs = classifiers[loss]
    for k in (1, 2, -1):
        labels, scores = ours.predict(TEXTS[:3], k=k)
        expected_labels, expected_scores = theirs.predict(TEXTS[:3], k=k)
        assert type(labels) is type(expected_labels) is list
        assert type(scores) is type(expected_scores) is list
        assert {type(entry) for entry in labels} == {type(entry) for entry in expected_labels} == {list}
        assert [(s.dtype, s.shape) for s in scores] == [(s.dtype, s.shape) for s in expected_scores]


def test_no_texts_have_no_answers(classifiers):
    ours, theirs = classifiers["softmax"]
    assert ours.predict([]) == theirs.predict([]) == ([], [])


@settings(CHECK, max_examples=60)
@given(text=LINE, k=st.sampled_from([1, 2, 3, 5, 100, -1]), threshold=st.sampled_from([0.0, 0.1, 0.3, 0.9]))
@pytest.mark.parametrize("loss", LOSSES)
def test_every_answer_is_upstreams(classifiers, loss, text, k, threshold):
    ours, theirs = classifiers[loss]
    text = text.replace("\n", " ")
    labels, scores = ours.predict([text], k, threshold)
    expected_labels, expected = theirs.predict([text], k, threshold)
    assert len(labels[0]) == len(expected_labels[0])
    np.testing.assert_allclose(scores[0], np.minimum(expected[0], 1), atol=1e-5)
    everything = answers(theirs, [text])[0]
    for label, score in zip(labels[0], scores[0], strict=True):  # of equal probabilities either may come first
        assert abs(min(everything[label], 1) - score) < 1e-5


@CHECK
@given(text=LINE, k=st.sampled_from([1, 2, 5]), threshold=st.sampled_from([0.0, 0.2]), only=st.sampled_from([None, (0, 2), (1,)]))
@pytest.mark.parametrize("loss", LOSSES)
def test_the_plain_path_answers_like_the_kernels(classifiers, loss, text, k, threshold, only):
    model = classifiers[loss][0].model
    data = np.frombuffer(text.encode() + b"\n", np.uint8)
    allowed = np.empty(0, np.bool_) if only is None else np.isin(np.arange(5), only)
    found, scores = plain(model, data.tobytes(), k, threshold, allowed)
    names = None if only is None else [model.labels[i] for i in only]
    model.work.done = 10**9
    ids, values = model.predict_bytes(data, np.array([0, len(data)]), k, threshold, names)
    n = int((ids[0] >= 0).sum())
    assert n == len(found)
    np.testing.assert_allclose(np.minimum(scores, 1), values[0, :n], atol=1e-6)
    if len({round(float(score), 5) for score in scores}) == n:
        assert list(found) == ids[0, :n].tolist()


@pytest.mark.parametrize("loss", LOSSES)
def test_no_probability_is_above_one(loss):
    sure = train_supervised(["__label__a x", "__label__b y"] * 50, loss=loss, verbose=0, thread=1, lr=2, dim=5, epoch=20)
    for text in ("x", "y", "x x x", "x y"):
        _, scores = sure.predict(text, k=-1)
        assert (scores <= 1).all()
        _, values = sure.model.predict([text], k=-1)
        assert (values <= 1).all()


def test_a_softmax_adds_up_to_one(model):
    _, values = model.predict_arrays(TEXTS, k=-1)
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)


def test_answers_come_as_arrays(model):
    ids, values = model.predict_arrays([*TEXTS[:5], "__label__no"], k=2, threshold=0.4)
    assert (ids.shape, ids.dtype) == ((6, 2), np.int32)
    assert (values.shape, values.dtype) == ((6, 2), np.float32)
    assert ((ids == -1) == (values == 0)).all()
    assert (values[ids >= 0] >= 0.4).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_only_labels_that_are_asked_for_are_answered(classifiers, loss):
    ours = classifiers[loss][0]
    only = ["__label__3", "__label__1"]
    ids, values = ours.predict_arrays(TEXTS[:30], k=-1, labels=only)
    all_ids, all_values = ours.predict_arrays(TEXTS[:30], k=-1)
    mine = [ours.labels.index(label) for label in only]
    for row, scores, all_row, all_scores in zip(ids, values, all_ids, all_values, strict=True):
        assert {i for i in row.tolist() if i >= 0} == set(mine)
        full = dict(zip(all_row.tolist(), all_scores.tolist(), strict=True))
        assert all(full[i] == p for i, p in zip(row.tolist(), scores.tolist(), strict=True) if i >= 0)


def test_what_cannot_be_asked_is_an_error(model, vectors):
    for text in ("a\nb", ["fine", "a\nb"]):
        with pytest.raises(ValueError, match="one line at a time"):
            model.predict(text)
    for k in (0, -2):
        with pytest.raises(OptionError, match=f"k is {k}"):
            model.predict("a", k=k)
    with pytest.raises(OptionError, match="__label__no"):
        model.predict_arrays(["a"], labels=["__label__no"])
    with pytest.raises(ValueError, match="supervised"):
        vectors[0].predict("a")
    with pytest.raises(DataError, match="5 is not text"):
        model.predict([5])


def test_many_threads_that_predict_at_once_get_the_same(classifiers):
    for loss in LOSSES:
        model = pickle.loads(pickle.dumps(classifiers[loss][0].model))  # nothing prepared yet
        expected = classifiers[loss][0].model.predict(TEXTS, 2)
        found, start = {}, threading.Barrier(8)

        def ask(i, model=model, found=found, start=start):
            start.wait()
            found[i] = [model.predict(TEXTS, 2) for _ in range(3)] + [model.predict(TEXTS, 2, threads=3)]

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for results in found.values():
            for ids, values in results:
                np.testing.assert_array_equal(ids, expected[0])
                np.testing.assert_array_equal(values, expected[1])
        assert len(found) == 8


@pytest.mark.parametrize("loss", LOSSES)
def test_a_model_can_be_pickled(classifiers, loss):
    ours = classifiers[loss][0]
    again = pickle.loads(pickle.dumps(ours))
    assert answers(again, TEXTS[:20]) == answers(ours, TEXTS[:20])
    assert (again.labels, again.words, again.lr) == (ours.labels, ours.words, ours.lr)


def test_every_label_of_a_text_with_a_hundred_labels_can_be_asked_for():
    model = train_supervised([f"__label__{i} w{i} w{i + 1}" for i in range(100)] * 3, verbose=0, thread=1, dim=8, loss="ova", lr=1.0)
    labels, scores = model.predict("w5 w6", k=-1)
    assert sorted(labels) == sorted(model.labels)
    assert (np.diff(scores) <= 0).all()


# Words, vectors, neighbours


@pytest.mark.parametrize("kind", [*LOSSES, "vectors"])
def test_vectors_are_upstreams(classifiers, vectors, kind):
    ours, theirs = vectors if kind == "vectors" else classifiers[kind]
    for word in set(WORDS) - {"__label__0"}:  # upstream takes a label's number for that of an n-gram's row
        np.testing.assert_allclose(ours.get_word_vector(word), theirs.get_word_vector(word), atol=1e-6)
        np.testing.assert_array_equal(ours[word], ours.get_word_vector(word))
    for text in [*TEXTS[:10], "", "unseen", "  of  \t the1", "中文 </s> of"]:
        np.testing.assert_allclose(ours.get_sentence_vector(text), theirs.get_sentence_vector(text), atol=1e-6)


@settings(CHECK, max_examples=50)
@given(text=LINE)
def test_any_sentence_vector_is_upstreams(classifiers, vectors, text):
    for ours, theirs in (classifiers["softmax"], vectors):
        np.testing.assert_allclose(ours.get_sentence_vector(text), theirs.get_sentence_vector(text), atol=1e-6)


@pytest.mark.parametrize("word", ["the1", "中文", "unseen", "of"])
def test_neighbours_are_upstreams(vectors, word):
    ours, theirs = vectors
    found, expected = ours.get_nearest_neighbors(word, k=8), theirs.get_nearest_neighbors(word, k=8)
    np.testing.assert_allclose([score for score, _ in found], [score for score, _ in expected], atol=1e-5)
    assert [name for _, name in found] == [name for _, name in expected]


def test_analogies_are_upstreams(vectors):
    ours, theirs = vectors
    for three in (("the1", "the2", "the3"), ("of", "中文", "unseen")):
        found, expected = ours.get_analogies(*three, k=6), theirs.get_analogies(*three, k=6)
        np.testing.assert_allclose([score for score, _ in found], [score for score, _ in expected], atol=1e-5)
        assert [name for _, name in found] == [name for _, name in expected]


def test_more_neighbours_than_words_are_all_words_but_the_one_asked_about(vectors):
    ours, _ = vectors
    assert sorted(name for _, name in ours.get_nearest_neighbors("of", k=10_000)) == sorted(set(ours.words) - {"of"})
    with pytest.raises(OptionError, match="k is 0"):
        ours.get_nearest_neighbors("of", k=0)


@pytest.mark.parametrize("kind", [*LOSSES, "vectors"])
def test_ids_and_subwords_are_upstreams(classifiers, vectors, kind):
    ours, theirs = vectors if kind == "vectors" else classifiers[kind]
    for word in set(WORDS) - {"__label__0"}:
        assert ours.get_word_id(word) == theirs.get_word_id(word)
        assert (word in ours) == (word in theirs)
        assert ours.get_subword_id(word) == theirs.get_subword_id(word)
        names, rows = ours.get_subwords(word)
        expected_names, expected_rows = theirs.get_subwords(word)
        assert (names, rows.tolist()) == (expected_names, expected_rows.tolist())
        for row in rows[:3].tolist():
            np.testing.assert_allclose(ours.get_input_vector(row), theirs.get_input_vector(row), atol=1e-7)
    if kind != "vectors":
        for label in ["__label__0", "__label__no"]:
            assert ours.get_label_id(label) == theirs.get_label_id(label)
    assert ours.get_dimension() == theirs.get_dimension()
    assert ours.is_quantized() == theirs.is_quantized() == False  # noqa: E712 - a bool, as upstream's


def test_words_and_labels_are_upstreams(classifiers, vectors):
    for ours, theirs in (*classifiers.values(), vectors):
        for mine, other in ((ours.get_words(True), theirs.get_words(True)), (ours.get_labels(True), theirs.get_labels(True))):
            assert (mine[0], mine[1].tolist()) == (other[0], other[1].tolist())
        assert ours.get_labels() == theirs.get_labels()
        assert (ours.words, ours.labels) == (theirs.words, theirs.labels)


@CHECK
@given(text=LINE)
def test_a_line_is_parted_as_upstream_does(classifiers, text):
    ours, theirs = classifiers["softmax"]
    assert ours.get_line(text) == theirs.get_line(text)
    assert ours.get_line([text, "of"]) == theirs.get_line([text, "of"])


def test_a_line_with_a_newline_is_an_error(model):
    for call in (model.get_line, model.get_sentence_vector):
        with pytest.raises(ValueError, match="one line at a time"):
            call("a\nb")


def test_tokens_are_upstreams():
    for text in ("a b\nc", "", "\u00a0x y\r\n", "a\0b"):
        assert tokenize(text) == fasttext.tokenize(text)


def test_matrices_can_be_replaced(folder, model):
    mine = pickle.loads(pickle.dumps(model))
    matrix, output = np.array(mine.get_input_matrix()), np.array(mine.get_output_matrix())
    mine.set_matrices(matrix * 2, output / 2)
    same_answers(answers(mine, TEXTS[:20]), answers(model, TEXTS[:20]))
    np.testing.assert_allclose(mine.get_input_matrix(), matrix * 2)
    mine.set_matrices(matrix[:, :4], output[:, :4])  # upstream, too, takes shorter vectors
    mine.save_model(folder / "short.bin")
    same_answers(answers(mine, TEXTS[:20]), answers(fasttext.load_model(str(folder / "short.bin")), TEXTS[:20]))
    for wrong in ((matrix[:-1], output), (matrix, output[:, :4]), (matrix[0], output)):
        with pytest.raises(OptionError, match="shapes"):
            mine.set_matrices(*wrong)


def test_a_loaded_model_has_no_training_options_and_a_trained_one_has(folder, model):
    loaded = load_model(folder / "softmax.bin")
    assert (model.lr, model.dim, model.wordNgrams) == (0.5, 10, 2)
    assert not hasattr(loaded, "lr")


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_no_text_touched_is_zero(kind):
    model = train_supervised(LINES, **OURS, **KINDS[kind])
    full = model.get_input_matrix()
    assert len(full) == len(model.words) + KINDS[kind].get("bucket", 0)
    assert (full[: len(model.words)] != 0).any(1).all()
    used = {row for word in model.words for row in model.get_subwords(word)[1].tolist()}
    if kind != "word n-grams":
        assert not full[sorted(set(range(len(full))) - used)].any()


def test_a_model_whose_ngrams_cannot_be_answers_all_the_same(tmp_path):
    """A file may state a shortest n-gram longer than the longest: then there is none."""
    model = train_supervised(corpus(20), verbose=0, thread=1, minn=2, maxn=3, bucket=50)
    model._model = replace(model.model, options=replace(model.model.options, minn=255))
    ids, _ = model.predict_arrays([*texts_of(corpus(20))] * 400)  # enough for the kernels
    assert (ids >= 0).all()
