"""Lines of bytes to predictions: rows, mean, scores and the best k, for many lines in one call."""

from __future__ import annotations

import math

import numpy as np

from gradwell.text.kernels.averaging import add_rows
from gradwell.text.kernels.lines import line_rows, room
from gradwell.text.kernels.numeric import kernel

SOFTMAX, TREE, SIGMOID = 0, 1, 2
TINY = 1e-5  # fastText adds it under every logarithm (loss.cc: std_log)


@kernel
def mean_of(matrix, rows, n, hidden):
    """The mean of n rows; of a quantised matrix, of what its codes stand for."""
    dense, codes, centroids, norms, dsub = matrix
    hidden[:] = 0
    if codes.shape[0] == 0:
        add_rows(dense, rows, 0, n, hidden)
    else:
        for i in range(n):
            r = rows[i]
            norm = norms[r] if norms.shape[0] else np.float32(1)
            for m in range(codes.shape[1]):
                code = codes[r, m]
                for j in range(m * dsub, min((m + 1) * dsub, hidden.shape[0])):
                    hidden[j] += norm * centroids[code, j]
    scale = np.float32(1.0 / n)
    for j in range(hidden.shape[0]):
        hidden[j] *= scale


@kernel
def respond(hidden, output, loss, sigmoids, scores):
    """The probability of every label: softmax, or fastText's sigmoid in 512 steps (loss.cc), so that both agree."""
    best = np.float32(-np.inf)
    for r in range(output.shape[0]):
        total = np.float32(0)
        for j in range(output.shape[1]):
            total += hidden[j] * output[r, j]
        scores[r] = total
        best = max(best, total)
    if loss == SIGMOID:
        for r in range(output.shape[0]):
            x = scores[r]
            if x < -8:
                scores[r] = 0
            elif x > 8:
                scores[r] = 1
            elif x != x:
                scores[r] = sigmoids[0]  # not a number: a damaged model
            else:
                scores[r] = sigmoids[np.int64((x + np.float32(8)) * np.float32(512) / np.float32(8) / np.float32(2))]
        return
    total = np.float32(0)
    for r in range(output.shape[0]):
        scores[r] = math.exp(scores[r] - best)
        total += scores[r]
    for r in range(output.shape[0]):
        scores[r] /= total


@kernel
def insert(ids, values, n, k, label, value):
    """Enter a label among the best k, which are kept from high to low; of equals the first stays first."""
    if n == k:
        if value <= values[k - 1]:
            return n
        n -= 1
    at = n
    while at > 0 and values[at - 1] < value:
        ids[at], values[at] = ids[at - 1], values[at - 1]
        at -= 1
    ids[at], values[at] = label, value
    return n + 1


@kernel
def best_of(scores, allowed, threshold, k, ids, values):
    """The best k labels whose probability reaches the threshold."""
    n = 0
    for r in range(scores.shape[0]):
        if scores[r] >= threshold and (allowed.shape[0] == 0 or allowed[r]):
            n = insert(ids, values, n, k, r, scores[r])
    return n


@kernel
def best_in_tree(hidden, output, left, right, allowed, threshold, k, ids, values, stack, reached):
    """The best k leaves of the Huffman tree; a branch that cannot reach them is not entered. Scores are logarithms."""
    leaves = output.shape[0]
    n = 0
    floor = math.log(threshold + TINY)
    stack[0], reached[0] = left.shape[0] - 1, 0.0
    top = 1
    while top > 0:
        top -= 1
        node, score = stack[top], reached[top]
        if score < floor or (n == k and score < values[k - 1]):
            continue
        if left[node] < 0:
            if allowed.shape[0] == 0 or allowed[node]:
                n = insert(ids, values, n, k, node, score)
            continue
        total = np.float32(0)
        for j in range(output.shape[1]):
            total += hidden[j] * output[node - leaves, j]
        p = np.float32(1.0 / (1.0 + math.exp(-total)))
        stack[top], reached[top] = right[node], np.float32(score + math.log(np.float64(p) + TINY))
        stack[top + 1], reached[top + 1] = left[node], np.float32(score + math.log(1.0 - np.float64(p) + TINY))
        top += 2
    return n


@kernel
def predict(data, line_starts, first, last, dictionary, matrix, output, tree, loss, sigmoids, allowed, k, threshold, ids, values, counts):
    """The best k labels of lines first..last, each from line_starts[i] to line_starts[i + 1]; counts[i] of them are there."""
    desk = room(line_starts, first, last, dictionary)
    rows = desk[4]
    left, right = tree
    hidden = np.empty(output.shape[1], np.float32)
    scores = np.empty(output.shape[0], np.float32)
    stack, reached = np.empty(left.shape[0] + 2, np.int32), np.empty(left.shape[0] + 2, np.float32)
    for i in range(first, last):
        n, _ = line_rows(data, line_starts[i], line_starts[i + 1], dictionary, desk)
        counts[i] = 0
        if n == 0:
            continue
        mean_of(matrix, rows, n, hidden)
        if loss == TREE:
            counts[i] = best_in_tree(hidden, output, left, right, allowed, threshold, k, ids[i], values[i], stack, reached)
            for j in range(counts[i]):
                values[i, j] = math.exp(values[i, j])
        else:
            respond(hidden, output, loss, sigmoids, scores)
            counts[i] = best_of(scores, allowed, threshold, k, ids[i], values[i])


@kernel
def features(data, line_starts, first, last, dictionary, sizes, label_sizes, rows_out, labels_out):
    """The rows and labels of lines first..last, end to end; with empty outputs only their numbers."""
    desk = room(line_starts, first, last, dictionary)
    rows, labels = desk[4], desk[5]
    n = found = 0
    for i in range(first, last):
        a, b = line_rows(data, line_starts[i], line_starts[i + 1], dictionary, desk)
        sizes[i], label_sizes[i] = a, b
        if rows_out.shape[0]:
            rows_out[n : n + a] = rows[:a]
        if labels_out.shape[0]:
            labels_out[found : found + b] = labels[:b]
        n += a
        found += b


@kernel
def averages(data, line_starts, first, last, dictionary, matrix, out):
    """The mean of the rows of each of the lines first..last."""
    desk = room(line_starts, first, last, dictionary)
    rows = desk[4]
    hidden = np.empty(out.shape[1], np.float32)
    for i in range(first, last):
        n, _ = line_rows(data, line_starts[i], line_starts[i + 1], dictionary, desk)
        if n > 0:
            mean_of(matrix, rows, n, hidden)
            out[i] = hidden
