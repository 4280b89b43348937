"""The sequences that recurrent networks are measured on are what they say."""

import math

import pytest
import torch

from gradwell.lab.tasks.adding import TRIVIAL, adding
from gradwell.lab.tasks.commands import commands
from gradwell.lab.tasks.copying import copying
from gradwell.lab.tasks.recall import recall


def chance():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("length", [2, 5, 20])
def test_a_sum_is_that_of_the_two_marked_numbers_one_in_each_half(length):
    x, y = adding(200, length, chance())
    assert x.shape == (200, length, 2)
    for (numbers, marks), total in zip(x.transpose(1, 2), y, strict=True):
        first, second = marks.nonzero()[:, 0].tolist()
        assert first < length // 2 <= second
        assert float(total) == pytest.approx(float(numbers[first] + numbers[second]))


def test_the_mean_of_the_sums_leaves_the_trivial_error():
    _, y = adding(20_000, 6, chance())
    assert float((y - 1).square().mean()) == pytest.approx(TRIVIAL, rel=0.03)


@pytest.mark.parametrize("delay", [1, 7])
def test_a_copy_is_due_as_many_steps_after_each_symbol(delay):
    x, y = copying(50, 3, 4, delay, chance())
    assert x.shape == (50, 3 + delay + 3, 6)
    assert torch.equal(x.sum(2), torch.ones(50, 6 + delay))
    steps = x.argmax(2)
    assert torch.equal(steps[:, :3], y)
    blank, sign = 4, 5
    assert (steps[:, 3 : 3 + delay] == blank).all()
    assert (steps[:, 3 + delay] == sign).all()
    assert (steps[:, 4 + delay :] == blank).all()


def test_the_symbols_to_copy_are_equally_frequent():
    _, y = copying(10_000, 2, 4, 1, chance())
    share = y.flatten().bincount(minlength=4) / y.numel()
    entropy = -float((share * share.log()).sum())
    assert entropy == pytest.approx(math.log(4), rel=1e-3)


def test_the_number_to_recall_stands_at_the_first_step_alone_and_its_variance_is_one():
    x, y = recall(20_000, 4, chance())
    assert torch.equal(x[:, 0, :1], y)
    assert not x[:, 1:, 0].any()
    assert float(y.square().mean()) == pytest.approx(1, rel=0.03)


def test_the_last_command_is_the_last_sign_that_was_given():
    x, y = commands(100, 9, chance())
    for sequence, last in zip(x, y, strict=True):
        given = [sign for sign in sequence[:, 0].tolist() if sign]
        assert sequence[0, 0] != 0
        assert given[-1] == float(last)
