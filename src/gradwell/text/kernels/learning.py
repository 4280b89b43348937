"""Examples to better matrices: average the rows, let the loss answer, move the rows.

h  = 1/n sum over rows of x          hidden
x += rate (-dloss/dh) / n            supervised; word vectors take the whole step for each row, as fastText does
"""

from __future__ import annotations

import math

import numpy as np

from gradwell.text.kernels.averaging import add_rows
from gradwell.text.kernels.examples import DENSE
from gradwell.text.kernels.losses import TINY, binary, one_vs_all, softmax
from gradwell.text.kernels.numeric import fetch, kernel
from gradwell.text.kernels.sharing import merge

AHEAD = 32  # rows of the next example that are called; of a longer one, the rest comes while it is added up
OUTPUTS, INPUTS = 0, 8  # places in the flags, a cache line apart: a thread merges


@kernel
def average(matrix, rows, start, stop, hidden):
    """The mean of some rows of a matrix."""
    hidden[:] = 0
    add_rows(matrix, rows, start, stop, hidden)
    scale = np.float32(1) / np.float32(max(stop - start, 1))
    for j in range(hidden.shape[0]):
        hidden[j] *= scale
    return scale


@kernel
def bounded(gradient, scale):
    """The factor for a step of the rows: `scale`, or less where the hidden vector would move by more than 1.

    With one-vs-all every row pushes; at the start they all push at once, much too far. (Labels have length 2.)
    """
    total = np.float32(0)
    for j in range(gradient.shape[0]):
        total += gradient[j] * gradient[j]
    return min(scale, np.float32(1) / np.float32(math.sqrt(total + TINY)))


@kernel
def respond(examples, e, kind, every_label, output, rate, hidden, gradient, scores, class_weight):
    """Let the loss answer one example: fill the gradient, move the output rows, return the loss."""
    loss = 0.0
    first, last = examples.decision_ptr[e], examples.decision_ptr[e + 1]
    rate *= examples.weights[e]
    if kind != DENSE:
        product = 1.0  # of the probabilities of equal strength, so that there is one logarithm for many
        for d in range(first, last):
            strength, answer = examples.strengths[d], np.float32(examples.answers[d])
            if d > first and (strength != examples.strengths[d - 1] or product < 1e-200):
                loss -= examples.strengths[d - 1] * math.log(product)
                product = 1.0
            product *= binary(hidden, output, examples.decisions[d], answer, rate * strength, gradient)
        loss -= (examples.strengths[last - 1] if last > first else 0) * math.log(product)
    elif every_label:
        loss = one_vs_all(hidden, output, examples.decisions, first, last, rate, gradient, scores, class_weight)
    else:
        for d in range(first, last):
            loss += softmax(hidden, output, examples.decisions[d], rate, gradient, scores)
    return loss


@kernel
def learn(examples, n, kind, every_label, normalize, rate, slope, matrix, output, scratch, scores, class_weight):
    """Learn from n examples in turn; the rate changes by `slope` from one to the next. Returns the sum of losses."""
    return learn_some(examples, 0, n, kind, every_label, normalize, rate, slope, matrix, output, scratch, scores, class_weight)


@kernel
def learn_apart(
    examples, n, kind, every_label, rate, slope, matrix, output, scratch, scores, class_weight, inputs, outputs, often, flags
):
    """As `learn`, on this thread's own copies of some rows, which are merged with the shared ones every `often` examples."""
    loss = 0.0
    for first in range(0, n, often):
        last = min(n, first + often)
        loss += learn_some(examples, first, last, kind, every_label, True, rate, slope, matrix, output, scratch, scores, class_weight)
        merge(outputs, flags, OUTPUTS, last == n)
        merge(inputs, flags, INPUTS, last == n)
    return loss


@kernel
def call(examples, e, kind, matrix, output):
    """Ask the memory for the rows of an example that comes next, so that they are there when they are needed."""
    for i in range(examples.row_ptr[e], min(examples.row_ptr[e + 1], examples.row_ptr[e] + AHEAD)):
        for byte in range(0, 4 * matrix.shape[1], 64):
            fetch(matrix, examples.rows[i], byte)
    if kind != DENSE:
        for d in range(examples.decision_ptr[e], examples.decision_ptr[e + 1]):
            for byte in range(0, 4 * output.shape[1], 64):
                fetch(output, examples.decisions[d], byte)


@kernel
def learn_some(examples, first, last, kind, every_label, normalize, rate, slope, matrix, output, scratch, scores, class_weight):
    """Learn from the examples first to last in turn. Returns the sum of losses."""
    hidden, gradient = scratch[0], scratch[1]
    loss = 0.0
    for e in range(first, last):
        start, stop = examples.row_ptr[e], examples.row_ptr[e + 1]
        if e + 1 < last:
            call(examples, e + 1, kind, matrix, output)
        scale = average(matrix, examples.rows, start, stop, hidden)
        gradient[:] = 0
        loss += respond(examples, e, kind, every_label, output, np.float32(rate + slope * e), hidden, gradient, scores, class_weight)
        if normalize:
            factor = bounded(gradient, scale) if every_label else scale
            for j in range(gradient.shape[0]):
                gradient[j] *= factor
        for i in range(start, stop):
            r = examples.rows[i]
            for j in range(gradient.shape[0]):
                matrix[r, j] += gradient[j]
    return loss
