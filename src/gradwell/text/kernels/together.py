"""Learning by several threads in step, so that the result does not depend on how many there are.

A few examples at a time: first the threads share out the examples and find what each asks for, with matrices that
stand still; then they share out the rows, and each row takes what all examples ask of it, in their order.
"""

from __future__ import annotations

import math

import numpy as np

from gradwell.text.kernels.examples import DENSE
from gradwell.text.kernels.learning import average, bounded
from gradwell.text.kernels.losses import TINY, decision, dot
from gradwell.text.kernels.numeric import exp, kernel
from gradwell.text.kernels.sharing import arrive, look, rest

AT_ONCE = 16  # examples between two looks at the matrices
AT_ONCE_EACH = 4  # with one-vs-all, where every example pushes every row and many pushes add up
ARRIVED, STOP = 0, 8  # places in the flags, a cache line apart


@kernel
def wait(flags, goal):
    """Wait until as many threads have arrived; False when training was stopped."""
    arrive(flags, ARRIVED)
    turns = 0
    while look(flags, ARRIVED) < goal:
        turns += 1
        if turns > 200:
            if look(flags, STOP) != 0:
                return False
            rest()
    return look(flags, STOP) == 0


@kernel
def ask_dense(examples, e, slot, every_label, output, rate, hidden, gradient, alphas, class_weight):
    """What one example asks of every output row, and of its hidden vector; returns its loss."""
    first, last = examples.decision_ptr[e], examples.decision_ptr[e + 1]
    scores, best, loss = alphas[slot], np.float32(-np.inf), 0.0
    for r in range(output.shape[0]):
        scores[r] = dot(hidden[slot], output, r)
        best = max(best, scores[r])
    if every_label:
        for r in range(output.shape[0]):
            p = decision(scores[r])
            loss -= math.log(max(np.float32(1) - p, TINY))
            scores[r] = -rate * p
        for d in range(first, last):
            r = examples.decisions[d]
            p = -scores[r] / rate if rate > 0 else np.float32(0)
            loss += math.log(max(np.float32(1) - p, TINY)) - math.log(max(p, TINY))
            scores[r] = rate * (np.float32(1) - p) * (class_weight[r] if class_weight.shape[0] else np.float32(1))
    else:
        total = np.float32(0)
        for r in range(output.shape[0]):
            scores[r] = exp(scores[r] - best)
            total += scores[r]
        times = np.float32(last - first)
        for d in range(first, last):
            loss -= math.log(max(scores[examples.decisions[d]] / total, TINY))
        for r in range(output.shape[0]):
            scores[r] *= -rate * times / total
        for d in range(first, last):
            scores[examples.decisions[d]] += rate
    for r in range(output.shape[0]):
        for j in range(hidden.shape[1]):
            gradient[slot, j] += scores[r] * output[r, j]
    return loss


@kernel
def ask_rows(examples, e, slot, output, rate, hidden, gradient, steps):
    """What one example asks of the output rows that it decides about, and of its hidden vector; returns its loss."""
    loss = 0.0
    for d in range(examples.decision_ptr[e], examples.decision_ptr[e + 1]):
        r, answer = examples.decisions[d], np.float32(examples.answers[d])
        p = decision(dot(hidden[slot], output, r))
        loss -= examples.strengths[d] * math.log(max(p if answer == 1 else np.float32(1) - p, TINY))
        steps[d] = rate * examples.strengths[d] * (answer - p)
        for j in range(hidden.shape[1]):
            gradient[slot, j] += steps[d] * output[r, j]
    return loss


@kernel
def learn(
    examples, n, kind, every_label, normalize, rate, slope, matrix, output, class_weight, hidden, gradient, alphas, steps, flags, round_,
    mine, threads,
):
    """One thread's part in learning from n examples. Returns its part of the loss and the number of waits so far."""
    loss = 0.0
    at_once = AT_ONCE_EACH if every_label else AT_ONCE
    for first in range(0, n, at_once):
        last = min(n, first + at_once)
        for e in range(first + mine, last, threads):
            slot = e - first
            start, stop = examples.row_ptr[e], examples.row_ptr[e + 1]
            scale = average(matrix, examples.rows, start, stop, hidden[slot])
            gradient[slot, :] = 0
            step = np.float32(rate + slope * e) * examples.weights[e]
            if kind == DENSE:
                loss += ask_dense(examples, e, slot, every_label, output, step, hidden, gradient, alphas, class_weight)
            else:
                loss += ask_rows(examples, e, slot, output, step, hidden, gradient, steps)
            if normalize:
                factor = bounded(gradient[slot], scale) if every_label else scale
                for j in range(hidden.shape[1]):
                    gradient[slot, j] *= factor
        round_ += 1
        if not wait(flags, round_ * threads):
            return loss, round_
        move(examples, first, last, kind, matrix, output, hidden, gradient, alphas, steps, mine, threads)
        round_ += 1
        if not wait(flags, round_ * threads):
            return loss, round_
    return loss, round_


@kernel
def move(examples, first, last, kind, matrix, output, hidden, gradient, alphas, steps, mine, threads):
    """Move the rows that are this thread's by what the examples ask, in their order."""
    for e in range(first, last):
        slot = e - first
        for i in range(examples.row_ptr[e], examples.row_ptr[e + 1]):
            r = examples.rows[i]
            if r % threads == mine:
                for j in range(hidden.shape[1]):
                    matrix[r, j] += gradient[slot, j]
        if kind == DENSE:
            for r in range(output.shape[0] * mine // threads, output.shape[0] * (mine + 1) // threads):
                for j in range(hidden.shape[1]):
                    output[r, j] += alphas[slot, r] * hidden[slot, j]
        else:
            for d in range(examples.decision_ptr[e], examples.decision_ptr[e + 1]):
                r = examples.decisions[d]
                if r % threads == mine:
                    for j in range(hidden.shape[1]):
                        output[r, j] += steps[d] * hidden[slot, j]
