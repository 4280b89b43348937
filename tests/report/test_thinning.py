import math

from hypothesis import given, settings
from hypothesis import strategies as st

from gradwell.report.thinning import Series

VALUES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400)


def series(values):
    found = Series()
    for step, value in enumerate(values):
        found.add(step, value)
    return found


@settings(deadline=None)
@given(VALUES, st.integers(4, 50))
def test_the_least_and_the_largest_value_are_kept_and_no_more_points_than_asked_for(values, most):
    kept = series(values).points(most)
    assert len(kept) <= most
    assert set(kept) <= set(enumerate(values))
    assert kept == sorted(kept)
    assert {min(values), max(values)} <= {value for _, value in kept}


@settings(deadline=None)
@given(VALUES)
def test_a_short_series_stays_as_it_is(values):
    assert series(values).points(len(values)) == list(enumerate(values))


@settings(deadline=None)
@given(VALUES, st.integers(4, 50))
def test_every_span_of_steps_keeps_its_own_extremes(values, most):
    kept = series(values).points(most)
    if len(values) <= most:
        return
    spans = most // 2
    for span in range(spans):
        here = [(step, value) for step, value in enumerate(values) if step * spans // len(values) == span]
        shown = [value for step, value in kept if step * spans // len(values) == span]
        assert not here or (min(shown), max(shown)) == (min(v for _, v in here), max(v for _, v in here))


def test_a_value_that_is_no_number_is_kept():
    values = [math.nan if step == 777 else math.inf if step == 99 else 1.0 for step in range(5000)]
    kept = [value for _, value in series(values).points(20)]
    assert any(math.isnan(value) for value in kept)
    assert math.inf in kept
