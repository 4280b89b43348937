"""Predictions for many lines: by the kernels where that pays, in plain NumPy where starting them would take longer."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gradwell.text.dictionary import Bytes, Floats, Longs
from gradwell.text.quantized import Quantized, rows_of

if TYPE_CHECKING:
    from gradwell.text.model import Model

KERNELS_PAY = 100_000  # bytes of text
LINES_A_THREAD = 256
TINY = 1e-5  # fastText adds it under every logarithm (loss.cc: std_log)


@dataclass
class Work:
    """Work done so far, in bytes of text; a look at 20 labels counts as one."""

    done: int = 0

    def pays(self, size: int, lines: int = 0, labels: int = 0) -> bool:
        """Whether it is time for the kernels: they are there already, or the work so far would have paid for their start."""
        self.done += size + lines * labels // 20
        return self.done > KERNELS_PAY or "gradwell.text.kernels.predicting" in sys.modules


def lines(data: Bytes) -> tuple[Bytes, Longs]:
    """Where each line begins, newline included, and the end of the last."""
    ends = np.flatnonzero(data == 10) + 1
    if len(data) and (not len(ends) or ends[-1] != len(data)):
        ends = np.append(ends, len(data))
    return frozen(data), np.concatenate([[0], ends]).astype(np.int64)


def best(
    model: Model, data: Bytes, starts: Longs, k: int, threshold: float, allowed: npt.NDArray[np.bool_], threads: int
) -> tuple[npt.NDArray[np.int32], Floats]:
    """The best k labels of each line and their probabilities, never above 1; what is missing is -1 and 0."""
    n = len(starts) - 1
    ids, values = np.full((n, k), -1, np.int32), np.zeros((n, k), np.float32)
    if not model.work.pays(len(data), n, len(model.output)):
        with np.errstate(all="ignore"):  # numbers of a damaged model may be anything
            for i in range(n):
                found, scores = plain(model, data[starts[i] : starts[i + 1]].tobytes(), k, threshold, allowed)
                ids[i, : len(found)], values[i, : len(found)] = found, scores
    else:
        from gradwell.text.kernels import predicting

        counts = np.zeros(n, np.int64)
        arguments = prepared(model)

        def part(first: int, last: int) -> None:
            predicting.predict(data, starts, first, last, *arguments, allowed, k, np.float32(threshold), ids, values, counts)

        spread(part, n, threads)
        ids[np.arange(k) >= counts[:, None]] = -1
    values[ids < 0] = 0
    return ids, np.minimum(values, np.float32(1), out=values)


def spread(part: Any, n: int, threads: int) -> None:
    """Do part(first, last) for pieces of n lines, on several threads where there is enough."""
    threads = min(threads, max(1, n // LINES_A_THREAD))
    if threads == 1:
        part(0, n)
        return
    cuts = np.linspace(0, n, 4 * threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, cuts[:-1], cuts[1:]))


def plain(model: Model, line: bytes, k: int, threshold: float, allowed: npt.NDArray[np.bool_]) -> tuple[Any, Any]:
    """The best k labels of one line, without the kernels."""
    rows, _, _ = model.dictionary.line(line, model.options, model.options.label.encode())
    if not rows:
        return [], []
    hidden = rows_of(model.input, np.array(rows)).sum(0, dtype=np.float32) * np.float32(1 / len(rows))
    if model.tree is not None:
        return walk(model, hidden, k, threshold, allowed)
    scores = model.output @ hidden
    if model.options.loss == "softmax":
        scores = np.exp(scores - scores.max())
        scores /= scores.sum()
    else:
        scores = table_sigmoid(scores)
    possible = np.flatnonzero((scores >= np.float32(threshold)) & (allowed if len(allowed) else True))
    top = possible[np.argsort(-scores[possible], kind="stable")[:k]]
    return top, scores[top]


def sigmoids() -> Floats:
    """The sigmoid at 513 places from -8 to 8."""
    places = np.arange(513, dtype=np.float32) * np.float32(16 / 512) - 8
    values: Floats = (1 / (1 + np.exp(-places))).astype(np.float32)
    return values


def table_sigmoid(scores: Floats) -> Floats:
    """FastText's sigmoid in 512 steps, so that probabilities agree with it."""
    place = np.clip((scores + np.float32(8)) * np.float32(512) / np.float32(8) / np.float32(2), 0, 512)
    out = sigmoids()[np.nan_to_num(place).astype(np.int64)]
    return np.where(scores < -8, 0, np.where(scores > 8, 1, out)).astype(np.float32)


def walk(model: Model, hidden: Floats, k: int, threshold: float, allowed: npt.NDArray[np.bool_]) -> tuple[list[int], list[float]]:
    """The best k leaves of the Huffman tree; a branch that cannot reach them is not entered."""
    tree = model.tree
    assert tree is not None
    floor, found = float(np.log(np.float32(threshold) + TINY)), list[tuple[float, int]]()
    stack = [(len(tree.parent) - 1, 0.0)]
    while stack:
        node, score = stack.pop()
        if score < floor or (len(found) == k and score < found[-1][0]):
            continue
        if tree.left[node] < 0:
            if (not len(allowed) or allowed[node]) and (len(found) < k or score > found[-1][0]):
                found = sorted([*found[: k - (len(found) == k)], (score, node)], key=lambda pair: -pair[0])
            continue
        p = float(np.float32(1 / (1 + np.exp(-np.float64(model.output[node - tree.leaves] @ hidden)))))
        stack.append((int(tree.right[node]), float(np.float32(score + np.log(p + TINY)))))
        stack.append((int(tree.left[node]), float(np.float32(score + np.log(1 - p + TINY)))))
    return [node for _, node in found], [float(np.exp(score)) for score, _ in found]


guard = threading.Lock()


def prepared(model: Model) -> tuple[Any, ...]:
    """What the kernels ask of a model, made once."""
    with guard:
        cache = model.dictionary._cache
        if "prepared" not in cache:
            from gradwell.text.kernels.predicting import SIGMOID, SOFTMAX, TREE

            tree = model.tree
            sides = (tree.left, tree.right) if tree else (np.empty(0, np.int32), np.empty(0, np.int32))
            kind = {"hs": TREE, "softmax": SOFTMAX}.get(model.options.loss, SIGMOID)
            cache["prepared"] = (
                words(model), matrix(model.input), frozen(model.output), tuple(map(frozen, sides)), kind, frozen(sigmoids())
            )
        return cache["prepared"]  # type: ignore[no-any-return]


def words(model: Model) -> tuple[Any, ...]:
    """The dictionary as the kernels take it."""
    from gradwell.text.kernels.lines import heads_of

    dictionary, options = model.dictionary, model.options
    buckets = np.empty(0, np.int32) if dictionary.rows_of_bucket is None else dictionary.rows_of_bucket
    table = dictionary.table
    slots = np.where(table >= 0, table.astype(np.int64) << 32 | dictionary.hashes[table], -1)
    heads = np.zeros(dictionary.size, np.uint64)
    heads_of(dictionary.blob, dictionary.starts, heads)
    return (
        frozen(slots), frozen(dictionary.blob), frozen(dictionary.starts), frozen(heads), dictionary.nwords, frozen(buckets),
        options.minn, options.maxn, max(options.bucket, 1), options.wordNgrams, frozen(np.frombuffer(options.label.encode(), np.uint8)),
    )


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array as one that cannot be written, so that there is one kernel for all."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view = view[...]
    view.flags.writeable = False
    return view


def matrix(values: Floats | Quantized) -> tuple[Any, ...]:
    """A matrix of either kind as the kernels take it."""
    none = np.empty((0, 0), np.float32)
    if isinstance(values, Quantized):
        return frozen(none), frozen(values.codes), frozen(values.centroids), frozen(values.norms), values.dsub
    return frozen(values), frozen(np.empty((0, 0), np.uint8)), frozen(none), frozen(none[0:0].reshape(0)), 1


def gold(model: Model, data: Bytes, starts: Longs) -> tuple[Longs, npt.NDArray[np.int32], Longs]:
    """How many rows each line has, and the known labels that stand in it."""
    n = len(starts) - 1
    sizes, label_sizes = np.zeros(n, np.int64), np.zeros(n, np.int64)
    if not model.work.pays(len(data)):
        found: list[int] = []
        for i in range(n):
            rows, labels, _ = model.dictionary.line(data[starts[i] : starts[i + 1]].tobytes(), model.options, model.options.label.encode())
            sizes[i], label_sizes[i] = len(rows), len(labels)
            found += labels
        labels_found = np.array(found, np.int32)
    else:
        from gradwell.text.kernels import predicting

        nothing, no_rows = np.empty(0, np.int32), np.empty(0, np.int64)
        predicting.features(data, starts, 0, n, words(model), sizes, label_sizes, no_rows, nothing)
        labels_found = np.empty(int(label_sizes.sum()), np.int32)
        predicting.features(data, starts, 0, n, words(model), sizes, label_sizes, no_rows, labels_found)
    return sizes, labels_found, np.concatenate([[0], np.cumsum(label_sizes)]).astype(np.int64)


def word_vectors(model: Model) -> Floats:
    """The vector of each word of a vocabulary with character n-grams."""
    dictionary = model.dictionary
    out = np.zeros((dictionary.nwords, model.options.dim), np.float32)
    if model.work.pays(int(dictionary.starts[dictionary.nwords])):
        from gradwell.text.kernels import predicting

        wide = np.zeros((dictionary.nwords, model.input.shape[1]), np.float32)
        predicting.averages(dictionary.blob, dictionary.starts, 0, dictionary.nwords, words(model), matrix(model.input), wide)
        return np.ascontiguousarray(wide[:, : model.options.dim])
    for i in range(len(out)):
        out[i] = model.word_vector(dictionary.entry(i))
    return out
