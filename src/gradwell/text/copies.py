"""The rows that all threads use all the time, and each thread's own copy of them.

Two processors that write the same row in turn wait for each other's cache. So each thread learns on copies of the most
used rows, and adds what it learned to the shared ones after every few lines: of frequent words and n-grams, of the
top of the Huffman tree, and of every label where each step touches them all (softmax, one-vs-all).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradwell.text.dictionary import Floats, Ints, Longs
from gradwell.text.kernels.examples import DENSE, TREE, Targets, Text
from gradwell.text.kernels.sharing import Share
from gradwell.text.layout import aligned

if TYPE_CHECKING:
    from gradwell.text.training import Run

MOST = 256  # rows of a matrix that are copied
OFTEN = 0.01  # uses in a line from which a row is copied
BETWEEN_MERGES = 32  # lines that all threads together learn from between two merges, at the least
COST = 0.03  # rows merged for each row learned from; one that another thread wrote last takes some ten times as long


@dataclass(frozen=True)
class Copies:
    """What one thread learns on."""

    text: Text  # its rows are the thread's own where there is a copy
    targets: Targets
    output: Floats
    inputs: Share
    outputs: Share

    def renew(self) -> None:
        """Copy the rows as they are now."""
        for share in (self.inputs, self.outputs):
            share.own[:] = share.shared[share.rows]
            share.base[:] = share.own


def hot(uses: Longs, lines: int) -> Longs:
    """The rows that are used most, at most MOST of them."""
    often = np.flatnonzero(uses >= max(1, OFTEN * lines))
    return often[np.argsort(-uses[often], kind="stable")[:MOST]]


def hot_rows(run: Run) -> tuple[Longs, Longs]:
    """The rows of either matrix that threads should copy."""
    text, lines = run.corpus.text, max(len(run.corpus.lines), 1)
    kinds = np.bincount(text.words, minlength=len(text.sub_ptr) - 1)
    uses = np.bincount(text.sub, np.repeat(kinds, np.diff(text.sub_ptr)), run.state.rows).astype(np.int64)
    inputs = hot(uses, lines)
    if run.kind != TREE:
        return inputs, np.arange(run.state.outputs if run.kind == DENSE else 0)
    targets = np.bincount(text.labels, minlength=run.state.outputs)
    return inputs, hot(np.bincount(run.targets.path, np.repeat(targets, np.diff(run.targets.path_ptr)), run.state.outputs), lines)


def pause(run: Run, inputs: Longs, outputs: Longs) -> int:
    """Lines between two merges of a thread: few, but not so few that merging takes much of the time."""
    work = float((run.rows_of_line + run.decisions_of_line)[run.corpus.lines].mean())
    rows = len(inputs) + (0 if run.kind == DENSE else len(outputs))
    return max(4, BETWEEN_MERGES // run.options.threads, int(rows / (COST * max(work, 1))))


def moved(rows: Ints, of: Longs, number: int, first: int) -> Ints:
    """Rows of a matrix of so many, with those in `of` replaced by their copies, which lie from `first` on."""
    new = np.arange(number, dtype=np.int32)
    new[of] = first + np.arange(len(of))
    return new[rows]


def of_thread(run: Run, inputs: Longs, outputs: Longs, mine: int) -> Copies:
    """Room for one thread's copies of the rows."""
    state, text, targets = run.state, run.corpus.text, run.targets
    first = state.rows + mine * MOST
    text = text._replace(sub=moved(text.sub, inputs, state.rows, first))
    own = state.whole_matrix[first : first + len(inputs)]
    of_inputs = Share(state.matrix, inputs, own, np.empty_like(own))
    if run.kind == DENSE:
        own = aligned(*state.output.shape)
        return Copies(text, targets, own, of_inputs, Share(state.output, outputs, own, aligned(*own.shape)))
    first = state.outputs + mine * MOST
    targets = targets._replace(path=moved(targets.path, outputs, state.outputs, first))
    own = state.whole_output[first : first + len(outputs)]
    return Copies(text, targets, state.whole_output, of_inputs, Share(state.output, outputs, own, np.empty_like(own)))
