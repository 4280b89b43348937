"""How fast the inputs of a layer move: what the choice of a batch makes of them is none of it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradwell.doctor import signals
from gradwell.watch.drift import Drift


def way(batches, steps=(1, 2)):
    drift = Drift()
    return [drift.since(1, x, step) for x, step in zip(batches, steps, strict=True)][-1]


def test_a_shift_of_one_standard_deviation_is_a_way_of_one():
    x = torch.randn(4096, 20)
    assert float(way([x, x + x.std()])) == pytest.approx(1, abs=0.05)


def test_twice_the_spread_is_a_way_of_its_logarithm():
    x = torch.randn(4096, 20)
    assert float(way([x, 2 * x])) == pytest.approx(0.693, abs=0.05)


def test_the_way_is_counted_by_the_step():
    x = torch.randn(4096, 20)
    assert float(way([x, x + 5 * x.std()], (10, 20))) == pytest.approx(0.5, abs=0.05)


@given(st.integers(0, 100), st.sampled_from([16, 64, 256]))
def test_two_batches_of_one_distribution_hardly_differ(seed, examples):
    g = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(examples, 64, generator=g) for _ in range(2))
    assert float(way([first, second])) < 0.2


@pytest.mark.parametrize("other", [torch.randn(32, 5), torch.randn(4, 6), torch.randn(32, 3, 2)], ids=["width", "few", "sequences"])
def test_what_cannot_be_compared_is_not(other):
    assert way([torch.randn(32, 6), other]) is None


def test_dead_units_are_left_out():
    x = torch.randn(64, 6)
    x[:, :4] = 0
    assert float(way([x, x])) == 0
    assert float(signals.moved(*[torch.zeros(3)] * 4, 8)) == 0
