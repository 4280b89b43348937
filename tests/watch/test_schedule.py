"""The schedule keeps to its budget whatever samples cost."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwell.watch import schedule
from gradwell.watch.schedule import ALLOWANCE, FIRST, Schedule


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture(scope="module")
def clock():
    made = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "time", made)
        yield made


def run(clock, plan, step_seconds, costs, steps):
    sampled = []
    for step in range(1, steps + 1):
        clock.now += step_seconds
        if plan.due(step):
            plan.begin(step)
            cost = costs[len(sampled) % len(costs)]
            clock.now += cost
            plan.spent += cost
            sampled.append(step)
            plan.end()
    return sampled


@given(st.floats(1e-4, 0.1), st.lists(st.floats(1e-4, 0.02), min_size=1, max_size=5), st.floats(0.005, 0.2))
@settings(max_examples=40, deadline=None)
def test_what_is_spent_stays_inside_the_budget(clock, step_seconds, costs, budget):
    plan = Schedule(budget, None)
    sampled = run(clock, plan, step_seconds, costs, 3000)
    dearest = max(costs)
    assert plan.spent <= budget * plan.elapsed + ALLOWANCE + (FIRST + 1) * dearest
    assert sampled[:FIRST] == [1, 2, 3]


def test_a_cheap_look_is_taken_often_and_a_long_run_ever_more_rarely(clock):
    sampled = run(clock, Schedule(0.03, None), 0.01, [1e-5], 20_000)
    gaps = [b - a for a, b in pairwise(sampled)]
    assert gaps[:50] == [1] * 50
    assert gaps[-1] >= 150


def test_a_fixed_interval_is_kept(clock):
    assert run(clock, Schedule(0.03, 10), 0.01, [1.0], 35) == [1, 10, 20, 30]


def test_a_short_run_is_seen_to_its_end(clock):
    sampled = run(clock, Schedule(0.03, None), 0.004, [0.004], 240)
    assert len(sampled) >= 10
    assert sampled[-1] > 60
