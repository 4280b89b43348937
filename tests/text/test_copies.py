"""Each thread's own copy of the rows that all threads use."""

import numpy as np
import pytest

import gradwell.text as fasttext
from gradwell.text.copies import MOST, hot, moved
from gradwell.text.kernels.sharing import Share, merge


def test_the_most_used_rows_are_copied_and_rare_ones_are_not():
    uses = np.array([5, 900, 0, 300, 9])
    assert hot(uses, 1000).tolist() == [1, 3]
    many = np.arange(10 * MOST)
    assert hot(many, 100).tolist() == many[::-1][:MOST].tolist()


def test_only_rows_with_a_copy_are_replaced():
    assert moved(np.array([0, 3, 1, 3], np.int32), np.array([3, 0]), 5, 100).tolist() == [101, 100, 1, 100]


def test_what_several_threads_learned_adds_up():
    random = np.random.default_rng(0)
    shared = random.normal(size=(6, 16)).astype(np.float32)
    rows, before, flags = np.array([4, 1]), shared.copy(), np.zeros(16, np.int64)
    threads = [Share(shared, rows, shared[rows].copy(), shared[rows].copy()) for _ in range(2)]
    learned = [random.normal(size=(2, 16)).astype(np.float32) for _ in threads]
    for thread, change in zip(threads, learned, strict=True):
        thread.own[:] += change
        merge(thread, flags, 0, True)
    before[rows] += sum(learned)
    np.testing.assert_allclose(shared, before, rtol=1e-5, atol=1e-6)
    assert np.array_equal(threads[1].own, shared[rows]), "the last to merge knows what all have learned"


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_threads_with_copies_learn_as_well_as_one(tmp_path, loss):
    path = tmp_path / "text.txt"
    path.write_text("".join(f"__label__{'ab'[i % 2]} the {'left' if i % 2 == 0 else 'right'} side of it {i % 7}\n" for i in range(3000)))
    model = fasttext.train_supervised(str(path), loss=loss, dim=10, epoch=4, lr=0.5, thread=2, verbose=0)
    assert model.test(str(path))[1] > 0.99
