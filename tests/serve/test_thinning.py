import math

from hypothesis import given
from hypothesis import strategies as st

from gradwell.serve.thinning import Buckets, thinned

SERIES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400).map(lambda values: list(enumerate(values)))


@given(SERIES, st.integers(4, 50))
def test_the_least_and_the_largest_value_are_kept_and_no_more_points_than_asked_for(points, most):
    kept = thinned(points, most)
    assert len(kept) <= most
    assert set(kept) <= set(points)
    assert kept == sorted(kept)
    values = [value for _, value in points]
    assert {min(values), max(values)} <= {value for _, value in kept}


@given(SERIES)
def test_a_short_series_stays_as_it_is(points):
    assert thinned(points, 2 * len(points) + 2) == points


def test_a_value_that_is_no_number_is_kept():
    points = [(step, math.nan if step == 777 else 1.0) for step in range(5000)]
    assert any(math.isnan(value) for _, value in thinned(points, 20))


def test_memory_does_not_grow_with_the_series():
    buckets = Buckets(100)
    for step in range(100_000):
        buckets.add(step, float(step % 97))
    assert sum(map(len, buckets.kept.values())) <= 100
