"""The place where NaN or infinity first appeared is named."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradwell.watch import graph, nonfinite
from gradwell.watch.registry import Registry


def first(build):
    registry = Registry()
    registry.install()
    loss, *_kept = build()
    registry.remove()
    order, _ = graph.forward_order(loss.grad_fn)
    return nonfinite.first(order, graph.parts(order), registry.name)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def test_bad_weights_come_before_everything_else(net):
    def build():
        model = net()
        with torch.no_grad():
            model[2].weight[0, 0] = float("nan")
        return model(torch.ones(5, 3)).sum(), model

    found = first(build)
    assert (found["what"], found["parameter"]) == ("weight", "2.weight")


def test_bad_data_is_the_input(net):
    def build():
        model = net()
        return model(torch.full((5, 3), float("inf"))).square().mean(), model

    assert first(build)["what"] == "input"


def test_a_logarithm_of_zero_is_an_activation_or_the_loss(net):
    def build():
        model = net()
        p = F.softmax(model(torch.ones(5, 3)) * 1e4, 1)
        return -(p.log() * torch.tensor([0.5, 0.5])).sum(), model

    assert first(build)["what"] in ("activation", "loss", "input")


@pytest.mark.parametrize(("value", "fine"), [(1.0, True), (float("-inf"), True), (float("inf"), False), (float("nan"), False)])
def test_minus_infinity_is_a_mask_and_no_fault(value, fine):
    assert nonfinite.is_finite(torch.tensor([0.0, value])) is fine
    assert nonfinite.is_finite(torch.tensor([1]))
    assert nonfinite.is_finite(None)


def test_gradients_that_are_not_finite_are_counted_and_the_last_is_named(net):
    registry = Registry()
    registry.install()
    model = net()
    registry.remove()
    model(torch.ones(5, 3)).sum().backward()
    assert nonfinite.bad_gradients(list(model.parameters()), registry.name) is None
    model[2].bias.grad[0] = float("inf")
    found = nonfinite.bad_gradients(list(model.parameters()), registry.name)
    assert found is not None
    assert (found["count"], found["of"], found["all"], found["parameter"]) == (1, 4, False, "2.bias")
