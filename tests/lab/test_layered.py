import pytest
import torch
from torch import nn

from gradwell.errors import OptionError
from gradwell.lab.layered import dead, gradients, layer, network, signals, size


def test_a_network_has_an_activation_between_each_two_layers_and_none_at_the_end():
    net = network("relu", 5, 4, 3)
    assert [type(one) for one in net] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [net[0].in_features, net[0].out_features, net[2].out_features] == [5, 4, 3]


def test_none_passes_its_input_on_and_what_is_no_activation_is_refused():
    x = torch.randn(3)
    assert torch.equal(layer("none")(x), x)
    with pytest.raises(OptionError, match="there is no activation 'foo'; there are sigmoid, tanh"):
        layer("foo")


@pytest.mark.parametrize("function", ["none", "tanh"])
def test_each_layer_keeps_what_theory_says_of_signal_and_gradient(function):
    torch.manual_seed(0)
    zs, a = signals(function, depth=2, width=400, examples=400, deviation=0.1)  # so small that tanh(z) is nearly z
    assert size(zs[0]) == pytest.approx(0.1, rel=0.03)
    assert size(zs[1]) == pytest.approx(0.01, rel=0.03)
    below, above = gradients(zs, a)
    assert below / above == pytest.approx(0.1, rel=0.03)


def test_an_offset_is_added_to_every_z():
    torch.manual_seed(0)
    zs, _ = signals("none", depth=1, width=50, examples=400, deviation=1.0, offset=3.0)
    assert float(zs[0].detach().mean()) == pytest.approx(3.0, abs=0.1)


def test_a_unit_is_dead_if_it_is_above_zero_for_no_input():
    net = network("relu", 2, 4, 2, 1)
    with torch.no_grad():
        for one in (net[0], net[2]):
            one.weight.fill_(1.0)
            one.bias.zero_()
        net[0].bias[:3] = -10.0  # three of the six hidden units
    assert dead(net, torch.rand(8, 2)) == 0.5
