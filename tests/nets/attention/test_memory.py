"""A memory is a tuple of tensors, and its rows can be chosen."""

import torch

from gradwell.nets.attention import Memory


def test_rows_are_selected_in_order_and_may_repeat():
    keys, values, mask = torch.arange(6.0).view(3, 2, 1), torch.arange(3.0).view(3, 1, 1), torch.eye(3, 2).bool()
    chosen = Memory(keys, values, mask).select(torch.tensor([2, 0, 0]))
    assert chosen.keys[:, 0, 0].tolist() == [4, 0, 0]
    assert chosen.values.flatten().tolist() == [2, 0, 0]
    assert chosen.mask[:, 0].tolist() == [False, True, True]
    assert chosen.powers is None


def test_what_is_not_there_stays_away():
    chosen = Memory(torch.ones(2, 3, 4), torch.ones(2, 3, 4), None, torch.ones(2, 3, 4)).select(torch.tensor([1]))
    assert chosen.mask is None
    assert chosen.powers.shape == (1, 3, 4)
