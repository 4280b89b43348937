"""One step of each loss: from a hidden vector and its targets to the gradient, with the output rows updated on the way.

All take `hidden` (dim), the `output` matrix (rows, dim), the step size `rate`, and add the direction in which
`hidden` should move, times `rate`, to `gradient` (dim). They return the loss of this example. With s = W h:

    softmax            loss = -log softmax(s)[y]                   dloss/ds = softmax(s) - onehot(y)
    one-vs-all, ns,    loss = sum over rows r of -log sigmoid(+-s_r)    dloss/ds_r = sigmoid(s_r) - target_r
    hierarchical
"""

from __future__ import annotations

import math

import numpy as np

from gradwell.text.kernels.numeric import exp, kernel, sigmoid

TINY = np.float32(1e-7)


@kernel
def dot(a, b, row):
    """The product of a vector and one row of a matrix."""
    total = np.float32(0)
    for j in range(a.shape[0]):
        total += a[j] * b[row, j]
    return total


@kernel
def decision(score):
    """sigmoid(score), and exactly 0 or 1 beyond +-8, so that what is settled moves no further (loss.cc: MAX_SIGMOID)."""
    p = sigmoid(score)
    p = np.float32(1) if score > np.float32(8) else p
    return np.float32(0) if score < np.float32(-8) else p


@kernel
def binary(hidden, output, row, target, rate, gradient):
    """One logistic decision about one row: is it the target (1) or not (0)? Returns the probability of the right answer."""
    p = decision(dot(hidden, output, row))
    alpha = rate * (target - p)
    for j in range(hidden.shape[0]):
        w = output[row, j]
        gradient[j] += alpha * w
        output[row, j] = w + alpha * hidden[j]
    return max(p if target == np.float32(1) else np.float32(1) - p, TINY)


@kernel
def softmax(hidden, output, target, rate, gradient, scores):
    """All rows compete; the target should win."""
    n = scores.shape[0]
    best = np.float32(-np.inf)
    for r in range(n):
        scores[r] = dot(hidden, output, r)
        best = max(best, scores[r])
    total = np.float32(0)
    for r in range(n):
        scores[r] = exp(scores[r] - best)
        total += scores[r]
    scale = np.float32(1) / total
    loss = -math.log(max(scores[target] * scale, TINY))
    for r in range(n):
        alpha = rate * ((np.float32(1) if r == target else np.float32(0)) - scores[r] * scale)
        for j in range(hidden.shape[0]):
            w = output[r, j]
            gradient[j] += alpha * w
            output[r, j] = w + alpha * hidden[j]
    return loss


@kernel
def one_vs_all(hidden, output, labels, first, last, rate, gradient, scores, weights):
    """Every row decides for itself; the labels labels[first:last] should say yes."""
    n = scores.shape[0]
    for r in range(n):
        scores[r] = dot(hidden, output, r)
    for r in range(n):
        scores[r] = decision(scores[r])
    yes = 0.0
    for d in range(first, last):
        p = scores[labels[d]]
        yes -= math.log(max(p, TINY))
        scores[labels[d]] = -p  # marks a yes
    no, product = 0.0, 1.0
    for r in range(n):
        alpha = -rate * scores[r]
        if scores[r] < 0:
            alpha = rate * (np.float32(1) + scores[r]) * (weights[r] if weights.shape[0] else np.float32(1))
        else:
            product *= max(np.float32(1) - scores[r], TINY)
        if product < 1e-200:
            no -= math.log(product)
            product = 1.0
        for j in range(hidden.shape[0]):
            w = output[r, j]
            gradient[j] += alpha * w
            output[r, j] = w + alpha * hidden[j]
    return yes + no - math.log(product)
