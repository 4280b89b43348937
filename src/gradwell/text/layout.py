"""Matrices laid out for the processor: every row begins a cache line."""

from __future__ import annotations

import numpy as np

from gradwell.text.dictionary import Floats

LINE = 16  # float32 in a cache line


def aligned(rows: int, columns: int) -> Floats:
    """A matrix of zeros whose rows are whole cache lines; there may be more columns than asked for."""
    width = -(-columns // LINE) * LINE
    block = np.zeros(rows * width + LINE, np.float32)
    start = (-block.ctypes.data % (4 * LINE)) // 4
    return block[start : start + rows * width].reshape(rows, width)
