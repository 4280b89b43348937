"""Gates say how far they are shut and open, and how long a unit remembers."""

import math

import pytest
import torch

from gradwell.nets.recurrent import LSTMGates, trace
from tests.nets.recurrent.oracle import draw, theirs


def lstm(f, mask=None):
    return LSTMGates(f, mask, False, f, f, f, f, f)


def test_shares_count_what_is_below_a_tenth_and_above_nine_tenths():
    found = lstm(torch.tensor([0.05, 0.5, 0.95, 0.99]).view(4, 1, 1)).saturated["f"]
    assert (found.low, found.high) == (0.25, 0.5)


def test_padding_counts_for_nothing():
    gate = torch.tensor([0.95, 0.95, 0.0, 0.0]).view(4, 1, 1)
    gates = lstm(gate, torch.tensor([[True], [True], [False], [False]]))
    assert gates.saturated["i"].low == 0
    assert gates.memory_horizon().item() == pytest.approx(-1 / math.log(0.95))


def test_at_its_horizon_a_unit_has_forgotten_all_but_one_part_in_e():
    horizon = lstm(torch.full((30, 2, 3), 0.9, dtype=torch.float64)).memory_horizon()
    torch.testing.assert_close(0.9**horizon, torch.full((3,), 1 / math.e, dtype=torch.float64))


def test_a_unit_that_forgets_nothing_remembers_for_ever_and_one_that_forgets_all_does_not():
    found = lstm(torch.tensor([1.0, 0.0]).expand(5, 2, 2)).memory_horizon()
    assert found[0] == math.inf
    assert 0 <= found[1] < 0.02


def test_a_high_forget_bias_makes_the_horizon_longer():
    layer = theirs("LSTM", 5, 7)
    short = trace(layer, draw(6, 4, 5))[0].memory_horizon()
    with torch.no_grad():
        layer.bias_ih_l0[7:14] += 3
    assert (trace(layer, draw(6, 4, 5))[0].memory_horizon() > short).all()


def test_a_plain_network_has_no_gates_and_a_gru_two():
    assert trace(theirs("tanh", 5, 7), draw(6, 4, 5))[0].saturated == {}
    assert set(trace(theirs("GRU", 5, 7), draw(6, 4, 5))[0].saturated) == {"r", "z"}
