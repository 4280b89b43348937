"""The loop: epochs over packed text, threads without a lock, a rate that falls to nothing.

Hogwild (Niu et al. 2011): all threads add to one matrix and now and then overwrite each other, which costs less than
waiting. Where every step touches every output row (softmax, one-vs-all), each thread instead works on a copy of the
output matrix and adds what it learned to the shared one after every few lines: two processors that write the same
rows all the time are slower than one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradwell.text import copies, sampling, workers
from gradwell.text.corpus import Corpus
from gradwell.text.dictionary import Floats, Longs
from gradwell.text.kernels import examples, matrices, packing
from gradwell.text.layout import aligned
from gradwell.text.options import Options
from gradwell.text.tree import Tree

WORK_AT_ONCE = 32_768  # rows and decisions in a thread's hand; they fit its cache
LABEL_LENGTH = 2.0  # of the vector that a label starts with; measured on six texts: 1 to 3 do about equally well


@dataclass
class Progress:
    """Where training is, for whoever shows it."""

    epoch: int
    epochs: int
    share: float  # of all the work, 0 to 1
    loss: float
    words_per_second: float
    lr: float


@dataclass
class State:
    """What training changes, and what it takes to go on: the matrices and the epochs done."""

    whole_matrix: Floats  # the matrix, and below it room for the threads' copies of the rows that all of them use
    whole_output: Floats
    rows: int
    outputs: int
    epoch: int = 0

    @classmethod
    def zeros(cls, rows: int, outputs: int, options: Options) -> State:
        """Matrices of zeros."""
        room = options.threads * copies.MOST if options.model == "supervised" and options.threads > 1 else 0
        return cls(aligned(rows + room, options.dim), aligned(outputs + room, options.dim), rows, outputs)

    @property
    def matrix(self) -> Floats:
        """The input matrix (rows, dim rounded up); its last row stays zero."""
        return self.whole_matrix[: self.rows]

    @property
    def output(self) -> Floats:
        """The output matrix (outputs, dim rounded up)."""
        return self.whole_output[: self.outputs]


def fresh(corpus: Corpus, options: Options) -> State:
    """Matrices at the start.

    A classifier's words start at zero and its labels at random directions of length LABEL_LENGTH: then the first steps
    already carry each word towards its labels, and a rare word holds no noise. (fastText starts with random words and
    labels at zero: for a while nothing moves, because each side waits for the other.) Word vectors start as in fastText,
    words from -1/dim to 1/dim and outputs at zero.
    """
    dictionary, dim = corpus.dictionary, options.dim
    supervised = options.model == "supervised"
    outputs = dictionary.nlabels if supervised else dictionary.nwords
    state = State.zeros(corpus.rows + 1, outputs, options)
    seed = np.uint64(options.seed % 2**64)
    if supervised:
        matrices.uniform(state.output, dim, LABEL_LENGTH * (3 / dim) ** 0.5, np.arange(outputs), seed)
    else:
        matrices.uniform(state.matrix, dim, 1 / dim, keys(corpus), seed)
    return state


def keys(corpus: Corpus) -> Longs:
    """Of each row its number in fastText's full matrix: chance depends on it and not on our order."""
    dictionary = corpus.dictionary
    numbers = np.arange(corpus.rows, dtype=np.int64)
    if dictionary.rows_of_bucket is not None:
        used = np.flatnonzero(dictionary.rows_of_bucket >= 0)
        numbers[dictionary.rows_of_bucket[used]] = dictionary.nwords + used
    return numbers


class Run:
    """One training: the packed text, the options, and the state that changes."""

    def __init__(
        self, corpus: Corpus, options: Options, state: State, class_weight: Floats | None = None, deterministic: bool = False
    ) -> None:
        self.deterministic = deterministic
        self.corpus, self.options, self.state = corpus, options, state
        self.class_weight = np.empty(0, np.float32) if class_weight is None else class_weight
        self.supervised = options.model == "supervised"
        self.dense = options.loss in ("softmax", "ova")
        self.kind = examples.DENSE if self.dense else examples.TREE if options.loss == "hs" else examples.NEGATIVE
        self.targets = self.make_targets()
        self.tokens = max(1, corpus.tokens * options.epoch)
        self.done = corpus.tokens * state.epoch
        self.seconds = 0.0
        self.words_per_second = 0.0
        self.rows_of_line, self.decisions_of_line, self.examples_of_line = self.bounds()
        if self.copied:
            hot = copies.hot_rows(self)
            self.copies = [copies.of_thread(self, *hot, mine) for mine in range(options.threads)]
            self.pause = copies.pause(self, *hot)
        self.load_kernels()

    def load_kernels(self) -> None:
        """Learn from no line at all: then the kernels are there, and the clock of an epoch measures learning."""
        crew = workers.Crew(self, np.empty(0, np.int64), np.zeros(2, np.int64))
        crew.work(0)
        if crew.failures:
            raise crew.failures[0]

    def make_targets(self) -> examples.Targets:
        """How a target becomes decisions, by the loss."""
        counts = self.corpus.target_counts
        path = code = alias = np.empty(0, np.int32)
        path_ptr, chance = np.zeros(1, np.int64), np.empty(0, np.float32)
        if self.options.loss == "hs":
            path, code, path_ptr = Tree.of(counts).paths()
        elif self.options.loss == "ns":
            chance, alias = sampling.negatives(counts)
        return examples.Targets(np.int64(self.kind), path, code, path_ptr, chance, alias, np.int64(self.options.neg), self.class_weight)

    def bounds(self) -> tuple[Longs, Longs, Longs]:
        """Of each line, the most rows, decisions and examples that it can become."""
        text, options = self.corpus.text, self.options
        words = np.diff(text.word_ptr)
        rows = np.empty_like(words)
        packing.line_sizes(text.words, text.word_ptr, text.sub_ptr, text.gram_ptr, rows)
        shared = examples.SHARED * options.neg if options.loss == "ns" else 0
        a_target = {"softmax": 1, "ova": 1, "ns": 1 + options.neg}.get(options.loss) or int(np.diff(self.targets.path_ptr).max(initial=1))
        if self.supervised:
            each = np.diff(text.label_ptr) if options.loss == "ova" else np.ones_like(words)
            return rows, each * a_target, np.ones_like(words)
        if options.model == "cbow":
            return rows * 2 * options.ws, words * a_target, words
        return rows, words * (2 * options.ws * (1 if shared else a_target) + shared), words

    def order(self) -> Longs:
        """The lines in this epoch's order."""
        rng = np.random.default_rng([self.options.seed % 2**64, self.state.epoch])
        return self.corpus.lines[rng.permutation(len(self.corpus.lines))]

    def chunks(self, order: Longs) -> Longs:
        """Where to cut the order into pieces of about equal work."""
        work = np.cumsum((self.rows_of_line + self.decisions_of_line)[order])
        piece = work // WORK_AT_ONCE
        cuts = np.flatnonzero(np.diff(piece)) + 1
        return np.concatenate([[0], cuts, [len(order)]]).astype(np.int64)

    @property
    def copied(self) -> bool:
        """Whether each thread works on its own copy of the rows that all of them use all the time."""
        return self.supervised and self.options.threads > 1 and not self.deterministic

    def epoch(self, show: Callable[[Progress], None] = lambda _: None) -> float:
        """Learn once from every line; returns the mean loss. Raises TrainingError when the numbers run away."""
        order = self.order()
        crew = workers.Crew(self, order, self.chunks(order))
        started, words_before = time.perf_counter(), self.done
        threads = [threading.Thread(target=crew.work, args=(mine,), daemon=True) for mine in range(crew.size)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.1)
                    elapsed = time.perf_counter() - started
                    show(self.progress(crew.results, (self.done - words_before) / max(elapsed, 1e-9)))
        except BaseException:
            crew.stop()
            for thread in threads:
                thread.join()
            raise
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        self.words_per_second = self.corpus.tokens / max(elapsed, 1e-9)
        if crew.failures:
            raise crew.failures[0]
        total, n = sum(loss for loss, _ in crew.results), sum(count for _, count in crew.results)
        self.state.epoch += 1
        self.done = self.corpus.tokens * self.state.epoch
        return total / max(n, 1)

    def progress(self, results: list[tuple[float, int]], speed: float) -> Progress:
        """Where training is."""
        recent = results[-200:]
        loss = sum(a for a, _ in recent) / max(sum(n for _, n in recent), 1)
        share = min(1.0, self.done / self.tokens)
        return Progress(self.state.epoch, self.options.epoch, share, loss, speed, self.options.lr * (1 - share))
