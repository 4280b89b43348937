"""Vectors as text, with five significant digits, as C++ streams print them (`%.5g`)."""

from __future__ import annotations

import math

import numpy as np

from gradwell.text.kernels.numeric import kernel

ROOM = 16  # bytes that a number and its space may take
POWERS = 10.0 ** np.arange(-12, 13)


@kernel
def digits(out, at, whole, count):
    """Write a whole number with so many digits, zeros in front; returns the new place."""
    for i in range(count):
        out[at + count - 1 - i] = 48 + whole % 10
        whole //= 10
    return at + count


@kernel
def number(out, at, x):
    """Write one number; returns the new place, or -1 where it is too large or too small for this."""
    if x == 0:
        if math.copysign(1.0, x) < 0:
            out[at] = 45
            at += 1
        out[at] = 48
        return at + 1
    if not abs(x) < 1e5:
        return -1
    if x < 0:
        out[at] = 45
        at += 1
        x = -x
    power = np.int64(math.floor(math.log10(x)))
    if power < -8:
        return -1
    whole = np.int64(np.rint(x * POWERS[12 + 4 - power]))
    if whole >= 100000:
        power += 1
        whole = np.int64(np.rint(x * POWERS[12 + 4 - power]))
    elif whole < 10000:
        power -= 1
        whole = np.int64(np.rint(x * POWERS[12 + 4 - power]))
    if power > 4:
        return -1
    places = 4 - (0 if power < -4 else power)  # digits behind the point
    while places > 0 and whole % 10 == 0:
        whole //= 10
        places -= 1
    before = np.int64(1)
    for _ in range(places):
        before *= 10
    head = whole // before
    count = 1
    while head >= 10:
        head //= 10
        count += 1
    at = digits(out, at, whole // before, count)
    if places:
        out[at] = 46
        at = digits(out, at + 1, whole % before, places)
    if power < -4:
        out[at], out[at + 1] = 101, 45
        at = digits(out, at + 2, -power, 2)
    return at


@kernel
def row(values, out):
    """Write the numbers of a row, each followed by a space; returns the length, or -1 where Python must do it."""
    at = 0
    for j in range(values.shape[0]):
        at = number(out, at, np.float64(values[j]))
        if at < 0:
            return -1
        out[at] = 32
        at += 1
    return at


@kernel
def rows(matrix, first, last, out, lengths):
    """Write some rows one after the other; lengths[i] is -1 where Python must write row first + i."""
    at = 0
    for i in range(first, last):
        n = row(matrix[i], out[at:])
        lengths[i - first] = n
        at += max(n, 0)
    return at
