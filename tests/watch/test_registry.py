"""Every parameter has a name and a line, however its module came about."""

import copy
import gc
import pickle

import torch
from torch import nn

from gradwell.watch.registry import Registry


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        self.listed = [nn.Linear(2, 2)]


def watched(build):
    registry = Registry()
    registry.install()
    try:
        return registry, build()
    finally:
        registry.remove()


def test_a_parameter_has_the_name_and_the_line_of_its_module():
    registry, net = watched(Net)
    named = registry.name(net.body[1].weight)
    assert (named.module, named.type, named.parameter, named.file) == ("body.1", "Linear", "weight", __file__)
    assert registry.name(net.body[0].bias, many=True).module == "Net.body.0"
    assert registry.roots(list(net.parameters())) == [net]
    assert registry.name(net.listed[0].weight).module == "Linear"
    assert not nn.modules.module._global_parameter_registration_hooks


def test_copies_and_what_was_unpickled_are_found_though_they_were_never_built():
    registry, net = watched(Net)
    twin, loaded = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    assert registry.name(twin.body[0].weight).module == "body.0"
    assert registry.name(loaded.body[1].weight).module == "body.1"
    assert registry.roots([twin.body[0].weight, loaded.body[0].weight]) == [twin, loaded]


def test_models_built_before_are_named_when_they_are_handed_in():
    net, registry = Net(), Registry()
    registry.add(net)
    named = registry.name(net.body[1].weight)
    assert (named.module, named.file) == ("body.1", None)


def test_a_bare_tensor_is_named_by_number():
    registry = Registry()
    first, second = torch.ones(3, 4, requires_grad=True), nn.Parameter(torch.ones(2))
    assert [registry.name(t).module for t in (first, second, first)] == ["tensor0", "tensor1", "tensor0"]
    assert registry.name(first).type == "3x4"


def test_a_module_that_moved_is_named_by_its_new_place_and_one_that_was_replaced_stands_alone():
    registry = Registry()
    registry.install()
    net = Net()
    old = net.body[0]
    net.body[0] = nn.Linear(2, 2)
    net.head = old
    registry.remove()
    assert registry.name(old.weight).module == "head"
    assert registry.name(net.body[0].weight).module == "body.0"
    del net.head
    assert registry.name(old.weight).module == "Linear"


def test_nothing_is_kept_alive():
    registry, net = watched(Net)
    parameter = net.body[0].weight
    del net
    gc.collect()
    assert registry.owner(parameter) is None
    assert registry.name(parameter).type == "Linear"
