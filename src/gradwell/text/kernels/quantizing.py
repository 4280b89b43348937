"""k-means for product quantisation: which of 256 centroids is nearest, and where the centroids should stand.

Points come as columns, (d, n) with d of 2 or more, so that many of them are compared with a centroid at once.
"""

from __future__ import annotations

import numpy as np

from gradwell.text.kernels.numeric import kernel, mix

CENTROIDS = 256
ITERATIONS = 25  # productquantizer.h: niter_
APART = 1e-7  # how far a cluster's two halves are moved from each other (productquantizer.h: eps_)
AT_ONCE = 512  # points; what is known of them stays in the nearest cache


@kernel
def assign(points, centroids, codes):
    """The nearest centroid of each point, of equals the first. Returns how many points changed theirs."""
    d, n = points.shape
    nearest, code, partial = np.empty(AT_ONCE, np.float32), np.empty(AT_ONCE, np.int32), np.zeros(AT_ONCE, np.float32)
    changed = 0
    for first in range(0, n, AT_ONCE):
        size = min(AT_ONCE, n - first)
        x, y = points[d - 2, first : first + size], points[d - 1, first : first + size]
        nearest[:] = np.inf
        code[:] = 0
        for k in range(CENTROIDS):
            if d > 2:
                partial[:] = 0
            for j in range(d - 2):
                column, c = points[j, first : first + size], centroids[k, j]
                for i in range(size):
                    partial[i] += (column[i] - c) * (column[i] - c)
            a, b, number = centroids[k, d - 2], centroids[k, d - 1], np.int32(k)
            for i in range(size):
                distance = partial[i] + (x[i] - a) * (x[i] - a) + (y[i] - b) * (y[i] - b)
                before = nearest[i]
                nearer = distance < before
                nearest[i] = distance if nearer else before
                code[i] = number if nearer else code[i]
        for i in range(size):
            changed += codes[first + i] != code[i]
            codes[first + i] = code[i]
    return changed


@kernel
def move(points, centroids, codes, seed):
    """Put each centroid in the middle of its points; one that has none takes half of another's. Returns how many had none."""
    d, n = points.shape
    sums, counts = np.zeros((CENTROIDS, d)), np.zeros(CENTROIDS, np.int64)
    for i in range(n):
        counts[codes[i]] += 1
        for j in range(d):
            sums[codes[i], j] += points[j, i]
    for k in range(CENTROIDS):
        if counts[k]:
            for j in range(d):
                centroids[k, j] = sums[k, j] / counts[k]
    empty, draw = 0, np.uint64(0)
    for k in range(CENTROIDS):
        if counts[k] == 0:
            empty += 1
            m = 0
            while True:  # a cluster is chosen the more often the more points it has
                draw += np.uint64(1)
                chance = np.float64(mix(seed ^ mix(draw)) >> np.uint64(11)) / 9007199254740992.0
                if chance * (n - CENTROIDS) < counts[m] - 1:
                    break
                m = (m + 1) % CENTROIDS
            for j in range(d):
                c = centroids[m, j]
                step = np.float32((2 * (j % 2) - 1) * APART * max(1.0, abs(c)))
                centroids[k, j], centroids[m, j] = c + step, c - step
            counts[k] = counts[m] // 2
            counts[m] -= counts[k]
    return empty


@kernel
def cluster(points, centroids, codes, seed):
    """Move the centroids until no point changes its own, at most 25 times (Lloyd 1982)."""
    empty = 0
    for i in range(ITERATIONS):
        changed = assign(points, centroids, codes)
        if changed == 0 and empty == 0 and i > 0:
            break
        empty = move(points, centroids, codes, mix(seed ^ np.uint64(i)))
