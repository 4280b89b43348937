"""The Huffman tree gives frequent labels short paths, and is the one that upstream builds."""

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwell.text import load_model, train_supervised
from gradwell.text.tree import Tree, possible_counts
from tests.text.oracle import CHECK, answers, corpus, same_answers, texts_of, written

fasttext = pytest.importorskip("fasttext")

COUNTS = st.lists(st.integers(1, 1000), min_size=1, max_size=40).map(lambda counts: np.array(sorted(counts, reverse=True), np.int64))


def lengths(tree):
    return np.diff(tree.paths()[2])


def least_cost(counts):
    """The sum of count times path length of the best tree, found the slow way."""
    heap, cost = list(map(int, counts)), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        cost += both
        heapq.heappush(heap, both)
    return cost


@CHECK
@given(COUNTS)
def test_the_codes_fill_the_tree(counts):
    assert np.exp2(-lengths(Tree.of(counts)).astype(float)).sum() == 1


@CHECK
@given(COUNTS)
def test_a_more_frequent_label_has_no_longer_path(counts):
    paths = lengths(Tree.of(counts))
    assert all(paths[i] <= paths[j] for i in range(len(counts)) for j in range(i) if counts[i] > counts[j])


@CHECK
@given(COUNTS)
def test_no_tree_is_shorter_on_average(counts):
    assert (counts * lengths(Tree.of(counts))).sum() == least_cost(counts)


@CHECK
@given(COUNTS)
def test_paths_lead_from_each_leaf_to_the_root(counts):
    tree = Tree.of(counts)
    rows, answered, ptr = tree.paths()
    for label in range(len(counts)):
        node = 2 * len(counts) - 2
        for row, answer in reversed(list(zip(rows[ptr[label] : ptr[label + 1]], answered[ptr[label] : ptr[label + 1]], strict=True))):
            assert row == node - len(counts)
            node = (tree.right if answer else tree.left)[node]
        assert node == label


def test_a_large_tree_is_built_like_a_small_one():
    counts = np.sort(np.random.default_rng(0).integers(1, 10_000, 30_000))[::-1].copy()
    tree = Tree.of(counts)  # compiled
    assert (counts * lengths(tree)).sum() == least_cost(counts)


@pytest.mark.parametrize("labels", [1, 2, 3, 10, 60])
def test_upstream_climbs_the_same_tree(tmp_path, labels):
    lines = corpus(600, labels)
    model = train_supervised(written(tmp_path / "text.txt", lines), loss="hs", thread=1, verbose=0, dim=12, lr=0.5)
    model.save_model(tmp_path / "model.bin")
    texts = texts_of(lines[:50])
    same_answers(answers(model, texts), answers(fasttext.load_model(str(tmp_path / "model.bin")), texts))
    same_answers(answers(load_model(tmp_path / "model.bin"), texts), answers(model, texts))


def test_counts_that_no_text_has_build_no_tree():
    assert possible_counts(np.array([3, 2, 0]))
    assert not possible_counts(np.array([3, -1]))
    assert not possible_counts(np.array([2**62, 2**62]))
