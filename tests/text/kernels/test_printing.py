"""Numbers as text, against Python's own printing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradwell.text import files
from tests.text.oracle import CHECK


@CHECK
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_numbers_are_printed_as_c_prints_them(numbers):
    row = np.array([numbers], np.float32)
    many = np.repeat(row, files.KERNELS_PAY // len(numbers) + 1, 0)
    assert files.printed(many)[-1].decode() == "".join(f"{number:.5g} " for number in row[0].tolist())


def test_rounding_carries_and_small_numbers_have_an_exponent():
    row = np.array([[9.99995, 99999.6, 0.1, 1e-5, 1.00005e-4, 9.99999e-5, 12345.5, -0.0, 100000]], np.float32)
    many = np.repeat(row, files.KERNELS_PAY, 0)
    assert files.printed(many)[0].decode() == "".join(f"{number:.5g} " for number in row[0].tolist())
