"""Threads in step give the same model, however many they are."""

import numpy as np
import pytest

import gradwell.text as fasttext
from gradwell.text import corpus

COLOURS = ("red", "blue", "green")
LINES = [
    f"__label__{'abc'[i % 3]} {COLOURS[i % 3]} word{i % 17} word{i % 5} noise{i % 11}" + (f" __label__{'abc'[i % 2]}" if i % 7 == 0 else "")
    for i in range(300)
]


@pytest.mark.parametrize("options", [
    {"loss": "softmax", "wordNgrams": 2, "bucket": 1000}, {"loss": "hs"}, {"loss": "ns"},
    {"loss": "ova", "minn": 2, "maxn": 3, "bucket": 500},
], ids=lambda options: options["loss"])
def test_a_deterministic_classifier_is_the_same_with_any_number_of_threads(options):
    options |= {"deterministic": True, "epoch": 3, "dim": 20, "lr": 0.5, "verbose": 0, "seed": 4}
    models = [fasttext.train_supervised(LINES, thread=n, **options) for n in (1, 2, 5)]
    for other in models[1:]:
        np.testing.assert_array_equal(models[0].get_input_matrix(), other.get_input_matrix())
        np.testing.assert_array_equal(models[0].get_output_matrix(), other.get_output_matrix())
    assert models[0].history[0].loss == pytest.approx(models[1].history[0].loss, rel=1e-9)


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("loss", ["ns", "hs", "softmax"])
def test_deterministic_word_vectors_are_the_same_with_any_number_of_threads(model, loss):
    texts = [line.replace("__label__", "") for line in LINES]
    a, b = (
        fasttext.train_unsupervised(texts, model, 0.05, 10, loss=loss, thread=n, deterministic=True, minCount=1, bucket=500, verbose=0)
        for n in (1, 3)
    )
    np.testing.assert_array_equal(a.get_input_matrix(), b.get_input_matrix())


def test_a_deterministic_classifier_learns_as_well_as_another():
    in_step, apart = (fasttext.train_supervised(LINES, thread=2, deterministic=d, epoch=10, lr=0.5, verbose=0) for d in (True, False))
    assert in_step.test(LINES)[1] == pytest.approx(apart.test(LINES)[1], abs=0.05)
    assert in_step.test(LINES)[1] > 0.9


def test_rates_too_high_end_all_threads():
    for deterministic in (False, True):
        with pytest.raises(RuntimeError, match="lr=1e\\+30 is too high"):
            fasttext.train_supervised(LINES, lr=1e30, thread=2, deterministic=deterministic, verbose=0)


def test_a_text_too_large_for_memory_lies_in_a_mapped_file_and_trains_the_same(monkeypatch):
    options = {"thread": 1, "wordNgrams": 2, "bucket": 1000, "epoch": 2, "verbose": 0}
    in_memory = fasttext.train_supervised(LINES, **options)
    kinds = []
    keep = corpus.Store.empty
    monkeypatch.setattr(corpus, "IN_MEMORY", 100)
    monkeypatch.setattr(corpus.Store, "empty", lambda self, *size: kinds.append(type(made := keep(self, *size))) or made)
    mapped = fasttext.train_supervised(LINES, **options)
    assert set(kinds) == {np.memmap}
    np.testing.assert_array_equal(in_memory.get_input_matrix(), mapped.get_input_matrix())
