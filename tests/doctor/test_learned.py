"""Whether a run has learned anything."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwell.doctor.learned import Learned, learned, means, trend, window
from gradwell.doctor.record import Record


def record(losses, trivial=None):
    made = Record.create()
    site = made.site("loss", "loss", "nll")
    for step, loss in enumerate(losses, 1):
        made.add("loss", site, step, loss)
        if trivial is not None:
            made.add("term_loss", site, step, loss)
            made.add("trivial_loss", site, step, trivial)
    return made


def test_a_loss_well_below_the_trivial_predictors_has_learned():
    answer = learned(record([0.7 - 0.01 * i for i in range(50)], trivial=0.693))
    assert answer.answer == "yes"
    assert "below the 0.693" in answer.because
    assert answer.slope == pytest.approx(-1.0)  # per 100 steps


def test_a_loss_that_stays_at_the_trivial_predictors_has_not():
    noise = [0.69 + 0.02 * ((7 * i) % 5 - 2) for i in range(60)]
    assert learned(record(noise, trivial=0.693)).nothing


def test_a_loss_that_ends_as_nan_has_not():
    answer = learned(record([0.5, 0.4, 0.3, float("nan")], trivial=0.693))
    assert answer.nothing
    assert "NaN" in answer.because


def smoothed(falls, looks=(1, 2, 3, 4, 8, 16, 32, 64), rest=0.3):
    """The record of 100 steps whose loss is a term, looked at seldom, and a rest."""
    made = Record.create()
    site = made.site("loss", "loss", "nll")
    for step in range(1, 101):
        term = 2.3 - falls * step
        made.add("loss", site, step, term + rest)
        if step in looks:
            made.add("term_loss", site, step, term)
            made.add("trivial_loss", site, step, 2.3)
    return made


def test_where_a_term_was_looked_at_too_seldom_the_whole_loss_tells_the_end():
    answer = learned(smoothed(0.015))
    assert answer.answer == "yes"
    assert answer.last == pytest.approx(2.3 - 0.015 * 90.5 + 0.3)  # the mean of the last 20 steps
    assert learned(smoothed(0.0)).nothing
    for rest in (3.0, -1.0):  # too large to prove anything, or no bound: the last looks at the term are all there is
        assert learned(smoothed(0.015, rest=rest)).last == pytest.approx(2.3 - 0.015 * (16 + 32 + 64) / 3)


def test_where_the_end_of_a_term_was_looked_at_the_term_speaks():
    looks = range(1, 101, 10)
    assert learned(smoothed(0.015, looks)).last == pytest.approx(2.3 - 0.015 * 81)


def test_a_loss_that_ends_a_little_below_the_trivial_predictors_is_not_said_to_be_above():
    assert "2.25, not clearly below the 2.3 " in learned(record([2.25] * 50, trivial=2.3)).because
    assert "2.35, no better than the 2.3 " in learned(record([2.35] * 50, trivial=2.3)).because


def test_a_run_that_was_stuck_for_most_of_its_time_is_late():
    answer = learned(record([0.69] * 80 + [0.69 - 0.02 * i for i in range(20)], trivial=0.693))
    assert answer.answer == "yes"
    assert answer.late
    assert 0.6 < answer.stuck < 0.9


def test_without_a_trivial_predictor_the_fall_decides():
    assert learned(record([10.0 / (i + 1) for i in range(50)])).answer == "yes"
    assert learned(record([10.0] * 50)).answer == "no"
    assert learned(record([10.0] * 4)).answer == "unknown"


def test_a_loss_below_zero_must_fall_too():
    assert learned(record([-0.7 + 0.0002 * i for i in range(50)])).answer == "unknown"  # a game of two networks
    assert learned(record([-0.7 - 0.02 * i for i in range(50)])).answer == "yes"  # a likelihood of a density


def test_a_run_without_a_loss_is_unknown():
    assert learned(Record.create()) == Learned("unknown")


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30), st.floats(-5, 5))
def test_a_straight_line_has_its_own_slope(values, slope):
    found, error = trend([(i, slope * i) for i in range(len(values))])
    assert found == pytest.approx(100 * slope, abs=1e-6)
    assert error == pytest.approx(0.0, abs=1e-6)


def test_the_slopes_error_is_that_of_the_textbook():
    steps, values = [1, 2, 3, 4, 5], [2.0, 1.0, 4.0, 3.0, 5.0]
    slope, intercept = statistics.linear_regression(steps, values)
    residual = sum((y - slope * x - intercept) ** 2 for x, y in zip(steps, values, strict=True)) / 3
    expected = (residual / sum((x - 3) ** 2 for x in steps)) ** 0.5
    assert trend(list(zip(steps, values, strict=True)))[1] == pytest.approx(100 * expected)


def test_a_run_of_a_hundred_thousand_steps_is_judged_by_windows_that_cover_it():
    losses = [(step, 3.0 if step < 60_000 else 1.0) for step in range(100_000)]
    made = Record.create()
    site = made.site("loss", "loss", "nll")
    for step, value in losses:
        made.add("loss", site, step, value)
    for name, step, value in (("term_loss", 0, 3.0), ("term_loss", 99_999, 1.0), ("trivial_loss", 0, 2.0)):
        made.add(name, site, step, value)
    found = learned(made)
    assert found.answer == "yes"
    # a window of a fifth of the run begins to be below 1.9 when 55 % of it are: at step 51,000
    assert abs(found.stuck - 0.51) < 0.01


@pytest.mark.parametrize("count", [2, 10, 300])
def test_of_a_short_series_every_window_is_looked_at(count):
    series = [(step, float(step % 7)) for step in range(count)]
    assert [first for first, _ in means(series)] == list(range(count - window(series) + 1))


def test_what_is_found_once_is_found_anew_when_the_record_has_grown():
    made, asked = Record.create(), []
    site = made.site("loss", "loss")

    def count(one):
        asked.append(one)
        return len(one.series("loss"))

    for step in range(3):
        made.add("loss", site, step, 1.0)
        assert [made.once("count", count), made.once("count", count)] == [step + 1, step + 1]
    assert len(asked) == 3
