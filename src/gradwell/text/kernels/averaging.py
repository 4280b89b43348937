"""Adding up rows of a matrix, four at a time."""

from __future__ import annotations

from gradwell.text.kernels.numeric import fetch, kernel

AHEAD = 24  # rows that the memory is asked for before they are needed


@kernel
def add_rows(matrix, rows, start, stop, total):
    """Add rows[start:stop] of a matrix to a vector."""
    i = start
    while i + 4 <= stop:
        for k in range(i + AHEAD, min(i + AHEAD + 4, stop)):
            for byte in range(0, 4 * matrix.shape[1], 64):
                fetch(matrix, rows[k], byte)
        a, b, c, d = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for j in range(matrix.shape[1]):
            total[j] += (matrix[a, j] + matrix[b, j]) + (matrix[c, j] + matrix[d, j])
        i += 4
    while i < stop:
        a = rows[i]
        for j in range(matrix.shape[1]):
            total[j] += matrix[a, j]
        i += 1
