"""Precision, recall and their curves are upstream's; confusion and calibration add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwell.errors import OptionError
from gradwell.text import train_supervised
from gradwell.text.meter import Meter
from tests.text.oracle import CHECK, LOSSES, corpus, written

fasttext = pytest.importorskip("fasttext")

LINES = corpus(400, several=True, seed=1)
EXTRA = ["no label at all", "__label__unknown x", "__label__0", "", "__label__1 __label__1 the1", "__label__0 __label__unknown of"]
EXACT = ("softmax", "hs")  # the probabilities of the others are steps, many equal, and of equals either may come first


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models of each loss, upstream's reading of them, and a test file with some odd lines."""
    folder = tmp_path_factory.mktemp("meter")
    test = written(folder / "test.txt", corpus(150, several=True, seed=2) + EXTRA)
    made = {}
    for loss in LOSSES:
        ours = train_supervised(LINES, loss=loss, verbose=0, thread=1, dim=8, lr=0.5, epoch=3)
        ours.save_model(folder / f"{loss}.bin")
        made[loss] = ours, fasttext.load_model(str(folder / f"{loss}.bin"))
    return made, test


@pytest.mark.parametrize("loss", EXACT)
@pytest.mark.parametrize(("k", "threshold"), [(1, 0.0), (2, 0.0), (-1, 0.3), (3, 0.25), (1, 0.99)])
def test_precision_and_recall_are_upstreams(models, loss, k, threshold):
    ours, theirs = models[0][loss]
    assert ours.test(models[1], k, threshold) == pytest.approx(theirs.test(models[1], k, threshold), nan_ok=True)


@pytest.mark.parametrize("loss", EXACT)
@pytest.mark.parametrize(("k", "threshold"), [(1, 0.0), (2, 0.2), (-1, 0.0), (1, 0.99)])
def test_the_figures_of_each_label_are_upstreams(models, loss, k, threshold):
    ours, theirs = models[0][loss]
    found, expected = ours.test_label(models[1], k, threshold), theirs.test_label(models[1], k, threshold)
    assert found.keys() == expected.keys()
    for label, figures in expected.items():
        assert found[label] == pytest.approx(figures, nan_ok=True), label


@pytest.mark.parametrize("loss", EXACT)
@pytest.mark.parametrize("k", [1, 2, -1])
def test_the_curves_are_upstreams(models, loss, k):
    ours, theirs = models[0][loss]
    mine, other = ours.get_meter(models[1], k), theirs.f.getMeter(models[1], k)
    for label in (None, *ours.labels):
        curve = other.precisionRecallCurve() if label is None else other.precisionRecallCurveLabel(theirs.get_label_id(label))
        precision, recall = mine.precision_recall_curve(label)
        np.testing.assert_allclose(np.stack([precision, recall], 1), np.array(curve).reshape(-1, 2), atol=1e-9)
        for share in (0.0, 0.3, 0.55, 0.9, 1.0):
            if label is None:
                expected = other.precisionAtRecall(share), other.recallAtPrecision(share)
            else:
                i = theirs.get_label_id(label)
                expected = other.precisionAtRecallLabel(i, share), other.recallAtPrecisionLabel(i, share)
            assert (mine.precision_at_recall(share, label), mine.recall_at_precision(share, label)) == pytest.approx(expected)


@pytest.mark.parametrize("loss", EXACT)
@pytest.mark.parametrize("k", [1, -1])
def test_scores_beside_the_truth_are_upstreams(models, loss, k):
    ours, theirs = models[0][loss]
    other = theirs.f.getMeter(models[1], k)
    for label in ours.labels:
        expected = np.array(other.scoreVsTrue(theirs.get_label_id(label)))
        scores, truth = ours.get_meter(models[1], k).score_vs_true(label)
        np.testing.assert_allclose(scores, expected[:, 0], atol=2e-5)
        assert truth.sum() == expected[:, 1].sum()
        assert len(truth) == len(expected)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("k", "threshold"), [(1, 0.0), (2, 0.2), (-1, 0.0)])
def test_the_figures_of_upstreams_answers_are_upstreams(models, loss, k, threshold):
    """The same answers, compared with the truth by either."""
    ours, theirs = models[0][loss]
    with open(models[1], encoding="utf-8") as file:
        lines = file.read().splitlines()
    gold = [[theirs.get_label_id(label) for label in labels] for labels in theirs.get_line(lines)[1]]
    useful = [i for i, labels in enumerate(gold) if labels]
    names, scores = theirs.predict([lines[i] for i in useful], k, threshold)
    width = max(map(len, names))
    ids, values = np.full((len(useful), width), -1, np.int32), np.zeros((len(useful), width), np.float32)
    for i, (labels, line) in enumerate(zip(names, scores, strict=True)):
        ids[i, : len(labels)], values[i, : len(labels)] = [theirs.get_label_id(label) for label in labels], np.minimum(line, 1)
    meter = Meter(ids, values, [np.array(gold[i], np.int32) for i in useful], theirs.labels)
    assert (meter.n, meter.precision(), meter.recall()) == pytest.approx(theirs.test(models[1], k, threshold))
    expected = theirs.test_label(models[1], k, threshold)
    for label, figures in meter.by_label().items():
        assert figures == pytest.approx(expected[label], nan_ok=True)
    if threshold == 0:
        other = theirs.f.getMeter(models[1], k)
        np.testing.assert_allclose(np.stack(meter.precision_recall_curve(), 1), np.array(other.precisionRecallCurve()), atol=1e-9)
        for label in ours.labels:
            curve = np.array(other.precisionRecallCurveLabel(theirs.get_label_id(label))).reshape(-1, 2)
            np.testing.assert_allclose(np.stack(meter.precision_recall_curve(label), 1), curve, atol=1e-9)


def test_an_unknown_label_is_an_error(models):
    meter = models[0]["softmax"][0].get_meter(models[1])
    with pytest.raises(OptionError, match="__label__no"):
        meter.precision_recall_curve("__label__no")


def test_lines_in_memory_give_the_figures_of_the_file(models):
    ours = models[0]["softmax"][0]
    with open(models[1], encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert ours.test(lines, 2) == ours.test(models[1], 2)


def test_a_text_without_a_known_label_has_no_figures(models):
    ours, _ = models[0]["softmax"]
    n, precision, recall = ours.test(["x y", "__label__unknown x"])
    assert n == 0
    assert np.isnan([precision, recall]).all()
    assert all(np.isnan(list(figures.values())).all() for figures in ours.test_label(["x"]).values())


SCORES = st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3)
RESULT = st.tuples(st.permutations([0, 1, 2]), SCORES, st.sets(st.integers(0, 2), min_size=1))


def metered(results, k):
    ids = np.array([order[:k] for order, _, _ in results], np.int32).reshape(len(results), k)
    scores = np.array([sorted(values, reverse=True)[:k] for _, values, _ in results], np.float32).reshape(len(results), k)
    gold = [np.array(sorted(labels), np.int32) for _, _, labels in results]
    return Meter(ids, scores, gold, ["a", "b", "c"])


@settings(CHECK, max_examples=60)
@given(st.lists(RESULT, min_size=1, max_size=20), st.integers(1, 3))
def test_figures_are_those_of_plain_counting(results, k):
    meter = metered(results, k)
    right = sum(len(set(order[:k]) & labels) for order, _, labels in results)
    assert meter.precision() == pytest.approx(right / (k * len(results)))
    assert meter.recall() == pytest.approx(right / sum(len(labels) for _, _, labels in results))
    for i, label in enumerate("abc"):
        predicted = sum(i in order[:k] for order, _, _ in results)
        true = sum(i in labels for _, _, labels in results)
        hits = sum(i in order[:k] and i in labels for order, _, labels in results)
        assert meter.precision(label) == pytest.approx(hits / predicted if predicted else float("nan"), nan_ok=True)
        assert meter.recall(label) == pytest.approx(hits / true if true else float("nan"), nan_ok=True)


@settings(CHECK, max_examples=60)
@given(st.lists(RESULT, min_size=1, max_size=20))
def test_confusion_counts_every_line_of_one_label_once(results):
    matrix = metered(results, 2).confusion()
    single = [(next(iter(labels)), order[0]) for order, _, labels in results if len(labels) == 1]
    expected = np.zeros((3, 3), int)
    for true, answered in single:
        expected[true, answered] += 1
    np.testing.assert_array_equal(matrix, expected)


@settings(CHECK, max_examples=60)
@given(st.lists(RESULT, min_size=1, max_size=20), st.integers(1, 10))
def test_calibration_parts_the_lines_among_its_bins(results, bins):
    meter = metered(results, 1)
    rows = meter.calibration(bins)
    assert sum(row["lines"] for row in rows) == len(results)
    assert sum(row["lines"] * row["right"] for row in rows) == pytest.approx(sum(order[0] in labels for order, _, labels in results))
    assert all(row["from"] - 1e-6 <= row["probability"] <= row["to"] + 1e-6 for row in rows)
    assert 0 <= meter.calibration_error(bins) <= 1


def test_answers_that_are_right_as_often_as_they_say_are_calibrated():
    """Half of the answers given with 0.5 are right, and all of those given with 1."""
    ids = np.zeros((8, 1), np.int32)
    scores = np.array([[0.5]] * 4 + [[1.0]] * 4, np.float32)
    gold = [np.array([g], np.int32) for g in (0, 1, 0, 1, 0, 0, 0, 0)]
    assert Meter(ids, scores, gold, ["a", "b"]).calibration_error() == 0
    assert Meter(ids, np.ones((8, 1), np.float32), gold, ["a", "b"]).calibration_error() == 0.25
