import random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwell.lab.spread import COVERAGE, covered, shown, spread

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@settings(deadline=None)
@given(NUMBERS)
def test_the_median_lies_in_its_interval_and_the_interval_among_the_numbers(values):
    one = spread(values)
    assert one.median == median(values)
    assert min(values) <= one.low <= one.median <= one.high <= max(values)
    assert {one.low, one.high} <= set(values)


@settings(deadline=None)
@given(NUMBERS, st.randoms(use_true_random=False))
def test_the_order_of_the_numbers_does_not_matter(values, order):
    shuffled = list(values)
    order.shuffle(shuffled)
    assert spread(shuffled) == spread(values)


@pytest.mark.parametrize("count", [5, 8, 20, 50])
def test_the_interval_holds_the_true_median_about_as_often_as_it_says(count):
    draw = random.Random(0)
    held = 0
    for _ in range(4000):
        one = spread([draw.expovariate(1.0) for _ in range(count)])
        held += one.low <= 0.6931 <= one.high  # ln 2, the median of that distribution
    assert held / 4000 >= COVERAGE - 0.02


@pytest.mark.parametrize(("count", "skipped"), [(5, 0), (7, 0), (8, 1), (11, 2)])
def test_a_tighter_interval_would_cover_too_little(count, skipped):
    one = spread([float(i) for i in range(count)])
    assert (one.low, one.high) == (skipped, count - 1 - skipped)
    assert covered(count, skipped) >= COVERAGE > covered(count, skipped + 1)


def test_of_few_numbers_the_interval_is_the_smallest_and_the_largest():
    assert str(spread([3.0, 1.0, 2.0])) == "2 (1 to 3)"
    assert str(spread([2.0])) == f"{spread([2.0]):zh}" == "2"
    assert f"{spread([3.0, 1.0, 2.0]):zh}" == "2（1 至 3）"


def test_there_is_no_median_of_nothing():
    with pytest.raises(ValueError, match="no numbers"):
        spread([])


@pytest.mark.parametrize(("value", "text"), [(0.00001234, "1.23e-5"), (12345.6, "12,346"), (2e9, "2e9"), (0.5, "0.5")])
def test_numbers_are_shown_with_three_digits(value, text):
    assert shown(value) == text
