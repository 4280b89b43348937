"""The Huffman tree of hierarchical softmax: frequent labels have short paths.

Built as fastText builds it (loss.cc), because a model file does not hold the tree: counts sorted from high to low,
two at a time the smallest, a leaf only where it is strictly smaller; the right child is the answer 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.text.dictionary import Ints, Longs

HUGE = 10**15


@dataclass(frozen=True)
class Tree:
    """Nodes 0 to n - 1 are the labels, n to 2n - 2 the inner nodes; inner node i answers with output row i - n."""

    left: Ints
    right: Ints
    parent: Ints

    @property
    def leaves(self) -> int:
        """Labels."""
        return (len(self.parent) + 1) // 2

    @classmethod
    def of(cls, counts: Longs) -> Tree:
        """The tree of labels with these counts, sorted from high to low."""
        n = len(counts)
        nodes = max(2 * n - 1, 0)
        count = np.full(nodes, HUGE, np.int64)
        count[:n] = counts
        left, right, parent = (np.full(nodes, -1, np.int32) for _ in range(3))
        build = compiled() if n > 20_000 else grow  # compiling takes as long as 20,000 labels do
        build(count, left, right, parent)
        return cls(left, right, parent)

    def paths(self) -> tuple[Ints, Ints, Longs]:
        """Of each label, from leaf to root: the output rows, the answers (1: right), and where each label's begin."""
        n = self.leaves
        node = owner = np.arange(n)
        rows: list[Longs] = []
        answers: list[npt.NDArray[np.bool_]] = []
        owners: list[Longs] = []
        while True:
            parent = self.parent[node]
            alive = parent >= 0
            if not alive.any():
                break
            owner, node, up = owner[alive], node[alive], parent[alive].astype(np.int64)
            rows.append(up - n)
            answers.append(self.right[up] == node)
            owners.append(owner)
            node = up
        if not rows:
            return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(n + 1, np.int64)
        of = np.concatenate(owners)
        order = np.argsort(of, kind="stable")
        ptr = np.concatenate([[0], np.cumsum(np.bincount(of, minlength=n))]).astype(np.int64)
        return np.concatenate(rows)[order].astype(np.int32), np.concatenate(answers)[order].astype(np.int32), ptr


def possible_counts(counts: Longs) -> bool:
    """Whether a tree can be built of these counts; those of a damaged file may be anything."""
    return bool((counts >= 0).all()) and float(counts.sum(dtype=np.float64)) < HUGE


@cache
def compiled() -> Any:
    """`grow`, compiled."""
    from gradwell.text.kernels.numeric import kernel

    return kernel(grow)


def grow(count: Longs, left: Ints, right: Ints, parent: Ints) -> None:
    """Join the two smallest nodes until one is left; the counts of the leaves come first, sorted from high to low."""
    n = (len(count) + 1) // 2
    leaf, node = n - 1, n
    for i in range(n, 2 * n - 1):
        first = second = -1
        for side in range(2):
            if leaf >= 0 and count[leaf] < count[node]:
                smallest = leaf
                leaf -= 1
            else:
                smallest = node
                node += 1
            if side == 0:
                first = smallest
            else:
                second = smallest
        left[i], right[i] = first, second
        count[i] = count[first] + count[second]
        parent[first] = parent[second] = i
