"""The cost of one update against the number of labels: softmax grows with n, hierarchical softmax with log n.

python benchmarks/text_classes.py   # writes docs/text-classes.png
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from gradwell.text.kernels import examples, learning
from gradwell.text.layout import aligned
from gradwell.text.tree import Tree

COUNTS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
DIM = 64
EMPTY = np.empty(0, np.float32)


def cost(loss: str, n: int, seconds: float = 0.5) -> float:
    """Seconds that one update takes with n labels, the example's ten rows included."""
    counts = np.sort(np.random.default_rng(0).zipf(1.5, n).clip(1, 10**6))[::-1].astype(np.int64)
    path, code, ptr = Tree.of(counts).paths() if loss == "hs" else (np.empty(0, np.int32), np.empty(0, np.int32), np.zeros(1, np.int64))
    matrix, output = aligned(1000, DIM), aligned(n, DIM)
    output[:, :DIM] = np.random.default_rng(1).normal(size=(n, DIM)) / DIM
    scores, scratch = np.empty(n, np.float32), aligned(2, DIM)
    at_once = 200
    done, spent = 0, 0.0
    rng = np.random.default_rng(2)
    while spent < seconds:
        labels = rng.choice(n, at_once, p=counts / counts.sum())
        decisions = [path[ptr[label] : ptr[label + 1]] if loss == "hs" else np.array([label], np.int32) for label in labels]
        answers = [code[ptr[label] : ptr[label + 1]] if loss == "hs" else np.ones(1, np.int32) for label in labels]
        decision_ptr = np.concatenate([[0], np.cumsum([len(d) for d in decisions])]).astype(np.int64)
        batch = examples.Examples(
            rng.integers(0, 1000, 10 * at_once).astype(np.int32), np.arange(0, 10 * at_once + 1, 10),
            np.concatenate(decisions).astype(np.int32),
            np.concatenate(answers).astype(np.int32), np.ones(decision_ptr[-1], np.float32), decision_ptr, np.ones(at_once, np.float32),
        )
        kind = examples.TREE if loss == "hs" else examples.DENSE
        size = at_once if n <= 10_000 or loss == "hs" else 2
        learning.learn(batch, 1, kind, False, True, 0.1, 0.0, matrix, output, scratch, scores, EMPTY)  # compiled and warm
        started = time.perf_counter()
        learning.learn(batch, size, kind, False, True, 0.1, 0.0, matrix, output, scratch, scores, EMPTY)
        spent += time.perf_counter() - started
        done += size
    return spent / done


def plot(target: Path) -> None:
    """Measure both and draw them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for loss, name in (("softmax", "softmax"), ("hs", "hierarchical softmax")):
        costs = [1e6 * cost(loss, n) for n in COUNTS]
        for n, value in zip(COUNTS, costs, strict=True):
            print(f"{name:21} {n:>9,} labels  {value:12.2f} µs")
        axes.plot(COUNTS, costs, "o-", label=name)
        axes.annotate(f"{costs[-1]:,.0f} µs", (COUNTS[-1], costs[-1]), textcoords="offset points", xytext=(-8, 8), ha="right")
    axes.set(xscale="log", yscale="log", xlabel="labels", ylabel="µs for one update", title="One update: O(n) against O(log n)")
    axes.legend()
    figure.savefig(target, dpi=130)


if __name__ == "__main__":
    plot(Path(__file__).parents[1] / "docs" / "text-classes.png")
