"""Activations against torch's own layers and autograd."""

import math

import pytest
import torch
from torch import nn

from gradwell.errors import OptionError
from gradwell.nets.activations import ACTIVATIONS, Maxout, activation, expected

EACH = pytest.mark.parametrize("one", ACTIVATIONS, ids=lambda one: one.name)
Z = torch.linspace(-8, 8, 2001, dtype=torch.float64)


@EACH
def test_the_derivative_is_autograds(one):
    z = torch.cat([Z, torch.tensor([0.0, -1.0, 1.0, -3.0, 3.0, 6.0], dtype=torch.float64)]).requires_grad_()
    one.layer().double()(z).sum().backward()
    torch.testing.assert_close(one.derivative(z.detach()), z.grad, rtol=1e-7, atol=1e-8)


@EACH
def test_the_range_is_what_the_outputs_come_near_to(one):
    with torch.no_grad():
        a = one.layer().double()(torch.linspace(-1e3, 1e3, 200_001, dtype=torch.float64))
        fine = one.layer().double()(torch.linspace(-3, 3, 600_001, dtype=torch.float64))
    assert min(a.min(), fine.min()) >= one.low - 1e-6
    assert a.max() <= one.high + 1e-9
    if math.isfinite(one.low):
        assert float(min(a.min(), fine.min())) == pytest.approx(one.low, abs=2e-3)
    if math.isfinite(one.high):
        assert float(a.max()) == pytest.approx(one.high, abs=2e-3)


@EACH
def test_weights_of_its_gain_keep_the_signals_size(one):
    z = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a = one.gain * one.layer().double()(z)
    assert float(a.detach().square().mean()) == pytest.approx(1, abs=0.02)


def test_the_gains_of_relu_and_selu_are_those_of_the_literature():
    assert activation("relu").gain == pytest.approx(math.sqrt(2), rel=1e-4)
    assert activation("selu").gain == pytest.approx(1, abs=1e-4)
    assert activation("tanh").gain == pytest.approx(1.5925, abs=1e-3)


@EACH
def test_the_carry_is_the_slope_of_the_size_that_comes_out_by_the_size_that_goes_in(one):
    layer = one.layer().double()
    less, more = (expected(lambda z, s=s: layer(z * s).square()) for s in (0.999, 1.001))
    slope = (math.log(more) - math.log(less)) / (2 * (math.log(1.001) - math.log(0.999)))
    assert one.carry == pytest.approx(slope, abs=1e-3)


def test_rectifiers_carry_all_bounded_activations_less_and_smooth_rectifiers_more():
    carry = {one.name: one.carry for one in ACTIVATIONS}
    assert carry["relu"] == carry["leaky_relu"] == carry["prelu"] == pytest.approx(1)
    assert max(carry[name] for name in ("tanh", "sigmoid", "softsign", "hardtanh", "selu", "elu", "softplus")) < 1
    assert min(carry[name] for name in ("gelu", "silu", "mish", "hardswish")) > 1


def test_only_odd_functions_and_selu_are_zero_centred():
    assert {one.name for one in ACTIVATIONS if one.zero_centred} == {"tanh", "softsign", "hardtanh", "selu"}


def test_what_saturates_at_which_end():
    ends = {one.name: one.saturates for one in ACTIVATIONS}
    assert ends["sigmoid"] == ends["tanh"] == ends["hardtanh"] == ends["relu6"] == "both"
    assert ends["relu"] == ends["elu"] == ends["gelu"] == ends["softplus"] == "below"
    assert ends["leaky_relu"] == ends["prelu"] == ends["rrelu"] == "no"


def test_an_unknown_activation_is_named_with_those_there_are():
    with pytest.raises(OptionError, match="'swish'; there are sigmoid, tanh, relu"):
        activation("swish")


def test_maxout_is_the_largest_of_its_linear_pieces():
    layer, x = Maxout(5, 3, pieces=4), torch.randn(7, 2, 5)
    w, b = layer.linear.weight.view(3, 4, 5), layer.linear.bias.view(3, 4)
    expected = torch.stack([x @ w[:, k].T + b[:, k] for k in range(4)]).amax(0)
    torch.testing.assert_close(layer(x), expected)
    assert torch.autograd.gradcheck(layer.double(), x.double().requires_grad_())


def test_maxout_with_a_piece_of_zeros_is_a_relu():
    layer, x = Maxout(5, 3), torch.randn(7, 5)
    with torch.no_grad():
        layer.linear.weight.view(3, 2, 5)[:, 1] = 0
        layer.linear.bias.view(3, 2)[:, 1] = 0
    plain = nn.functional.linear(x, layer.linear.weight[::2], layer.linear.bias[::2]).relu()
    torch.testing.assert_close(layer(x), plain)


def test_one_piece_is_refused():
    with pytest.raises(OptionError, match="not of 1"):
        Maxout(3, 2, pieces=1)
