"""Filling matrices and tables."""

from __future__ import annotations

import numpy as np

from gradwell.text.kernels.numeric import kernel, mix


@kernel
def uniform(matrix, dim, limit, keys, seed):
    """Fill matrix[:, :dim] with numbers from -limit to limit that depend only on the seed, the row's key and the column."""
    scale = np.float32(2 * limit / 16777216.0)
    for r in range(keys.shape[0]):
        bits = mix(seed ^ mix(np.uint64(keys[r])))
        for j in range(dim):
            step = bits + np.uint64(j) * np.uint64(0x9E3779B97F4A7C15)
            matrix[r, j] = np.float32(mix(step) >> np.uint64(40)) * scale - np.float32(limit)


@kernel
def alias_table(chance, alias, stack):
    """Build an alias table in place: `chance` comes as weights with mean 1, `stack` is as long."""
    n = chance.shape[0]
    small, large = 0, n
    for i in range(n):
        if chance[i] < 1:
            stack[small] = i
            small += 1
        else:
            large -= 1
            stack[large] = i
    while small > 0 and large < n:
        small -= 1
        less, more = stack[small], stack[large]
        alias[less] = more
        chance[more] -= 1 - chance[less]
        if chance[more] < 1:
            large += 1
            stack[small] = more
            small += 1
    for i in range(small):
        chance[stack[i]] = 1
    for i in range(large, n):
        chance[stack[i]] = 1


@kernel
def gather(matrix, source, out):
    """Copy rows of a matrix, zeros where source is -1."""
    for i in range(source.shape[0]):
        r = source[i]
        for j in range(out.shape[1]):
            out[i, j] = matrix[r, j] if r >= 0 else np.float32(0)
