"""Models of every kind are looked into, and are afterwards what they were."""

import json
import random

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

import gradwell
from gradwell.errors import OptionError
from tests.nets.inspection.models import MODELS, LeNet, MobileNet, ResNet


def by_path(told):
    return {layer.path: layer for layer in told.layers}


class Counting(nn.Module):
    """Everything that a forward pass might change."""

    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(3), nn.Linear(3, 3)
        self.register_buffer("passes", torch.zeros(1))
        self.norm.eval()

    def forward(self, x):
        self.passes += 1
        self.passes = self.passes + torch.rand(1) + random.random()
        return self.linear(self.norm(x.mul_(2)))


def test_nothing_is_changed_by_being_inspected():
    model, x = Counting().train(), torch.rand(4, 3)
    model.norm.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    before, flags, generators = x.clone(), [m.training for m in model.modules()], (torch.get_rng_state(), random.getstate())
    gradwell.inspect(model, x)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(x, before)
    assert [m.training for m in model.modules()] == flags
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert random.getstate() == generators[1]
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_hooks_and_flags_are_restored_after_a_failure_too():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Linear(5, 2))
    flags = torch._C._get_mkldnn_enabled(), torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(OptionError, match=r"the model fails at 2 \(Linear\), which got \(1, 4\): RuntimeError: mat1 and mat2"):
        gradwell.inspect(model, "3")
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert (torch._C._get_mkldnn_enabled(), torch.backends.mha.get_fastpath_enabled()) == flags


def test_weights_used_twice_are_counted_once():
    shared = nn.Linear(4, 4)
    told = gradwell.inspect(nn.Sequential(shared, nn.ReLU(), shared), "4")
    assert [(layer.path, layer.calls) for layer in told.layers] == [("0", 2), ("1", 1)]
    assert told.parameters == 20
    tied = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9, bias=False))
    tied[1].weight = tied[0].weight
    told = gradwell.inspect(tied, "5:long")
    assert [(layer.parameters, layer.repeated) for layer in told.layers] == [(36, 0), (36, 36)]
    assert told.parameters == 36
    assert "(36)" in str(told)


def test_a_module_used_on_two_shapes_is_two_layers():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(1, 1, 3)

        def forward(self, x):
            return self.conv(self.conv(x))

    told = gradwell.inspect(Twice(), "1x9")
    assert [(layer.path, layer.output_shape, layer.repeated) for layer in told.layers] == [("conv", (1, 1, 7), 0), ("conv", (1, 1, 5), 4)]
    assert told.parameters == 4


def test_what_is_never_called_is_listed_and_said():
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(3, 3), nn.Linear(3, 5)

        def forward(self, x):
            return self.used(x)

    told = gradwell.inspect(Spare(), "3")
    assert by_path(told)["unused"].calls == 0
    assert told.parameters == 12 + 20 == sum(layer.parameters for layer in told.layers)
    assert told.notes == ("Not called in this forward pass: unused; their weights may still be used by other code.",)
    assert "not called" in str(told)


def test_parameters_that_stand_in_no_leaf_are_counted():
    class Token(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.scales = nn.Parameter(torch.zeros(1, 1, 4)), nn.ParameterList([torch.zeros(3)])
            self.linear = nn.Linear(4, 2)
            self.linear.weight.requires_grad_(False)

        def forward(self, x):
            return self.linear(torch.cat([self.token, x], 1)) * self.scales[0].sum()

    told = gradwell.inspect(Token(), (5, 4))
    assert {path: layer.parameters for path, layer in by_path(told).items()} == {"linear": 10, "": 4, "scales": 3}
    assert (told.parameters, told.trainable, told.frozen) == (17, 9, 8)
    assert by_path(told)["linear"].trainable == 2
    assert told.notes == ()


class Odd(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.linear, self.output = nn.Linear(3, 2), output

    def forward(self, x):
        return self.output(self.linear(x))


@pytest.mark.parametrize("output", [lambda y: {"a": y, "b": [y, None]}, lambda y: (y, (y, 1)), lambda _: None, lambda _: 3.0])
def test_a_module_may_return_anything(output):
    told = gradwell.inspect(nn.Sequential(Odd(output)), "3")
    assert by_path(told)["0.linear"].output_shape == (1, 2)
    json.dumps(told.as_dict(), allow_nan=False)
    assert str(told)


def test_lazy_layers_stay_lazy():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))
    told = gradwell.inspect(model, "3x8x8")
    assert [layer.parameters for layer in told.layers] == [4 * 28, 0, 4 * 36 * 2 + 2]
    assert isinstance(model[2].weight, nn.UninitializedParameter)
    assert told.notes[0].startswith("The model has lazy layers")


@pytest.mark.parametrize("given", ["3x16x16", "3x16x16:float", (3, 16, 16), [3, 16, 16], torch.rand(1, 3, 16, 16),
                                   [torch.rand(1, 3, 16, 16)], {"input": "3x16x16"}], ids=lambda given: type(given).__name__)
def test_an_input_is_given_in_many_ways(given):
    assert gradwell.inspect(ResNet(), given).as_dict() == gradwell.inspect(ResNet(), "3x16x16").as_dict()


def test_several_inputs_go_to_their_arguments():
    told = gradwell.inspect(nn.Bilinear(3, 4, 2), ["3", "4"])
    assert told.layers[0].input_shapes == ((1, 3), (1, 4))
    assert told.notes == ("Receptive fields are of the first input.",)
    assert gradwell.inspect(nn.Bilinear(3, 4, 2), {"input2": "4", "input1": "3"}).layers[0].input_shapes == ((1, 4), (1, 3))


@pytest.mark.parametrize(("given", "says"), [
    ("3xy", "input '3xy' is no shape"), ("", "input '' is no shape"), ("0x3", "input '0x3' is no shape"), ("3:text", "no type 'text'"),
    (3.5, "input is float 3.5; it must be a tensor, a shape"), ((-1, 3), r"input \(-1, 3\) is no shape"), ("9" * 30, "cannot be made")])
def test_a_bad_input_is_refused_with_what_is_possible(given, says):
    with pytest.raises(OptionError, match=says):
        gradwell.inspect(LeNet(), given)


@pytest.mark.parametrize("model", [None, "LeNet", LeNet], ids=lambda model: type(model).__name__)
def test_what_is_no_module_is_refused(model):
    with pytest.raises(OptionError, match=r"inspect needs a torch.nn.Module"):
        gradwell.inspect(model, "3")


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_a_scripted_model_is_refused():
    with pytest.raises(OptionError, match=r"that is not scripted, not RecursiveScriptModule"):
        gradwell.inspect(torch.jit.script(nn.Linear(2, 2)), "2")


def test_other_types_and_devices_are_made_as_the_model_needs_them():
    assert gradwell.inspect(nn.Linear(3, 2).bfloat16(), "3").layers[0].written == 2 * 2
    assert gradwell.inspect(nn.Linear(3, 2, device="meta"), "3").flops == 12


def test_parametrized_layers_hold_what_their_weights_are_made_of():
    told = gradwell.inspect(nn.Sequential(weight_norm(nn.Linear(4, 3))), "4")
    (layer,) = told.layers
    assert (layer.parameters, told.parameters, layer.connections) == (4 * 3 + 3 + 3, 18, 12)


def test_a_compiled_model_is_looked_into():
    told = gradwell.inspect(torch.compile(LeNet(), backend="eager"), "1x28x28")
    assert told.as_dict() == gradwell.inspect(LeNet(), "1x28x28").as_dict()
    inner = gradwell.inspect(nn.Sequential(torch.compile(nn.Linear(3, 2), backend="eager")), "3")
    assert [(layer.path, layer.flops) for layer in inner.layers] == [("0._orig_mod", 12)]


def test_memory_traffic_is_inputs_weights_and_outputs():
    told = gradwell.inspect(nn.Sequential(nn.Linear(6, 5), nn.Flatten(), nn.Dropout(), nn.ReLU(inplace=True)), torch.rand(2, 6))
    assert [(layer.read, layer.written) for layer in told.layers] == [
        (4 * (12 + 35), 4 * 10), (0, 0), (0, 0), (4 * 10, 4 * 10)]  # what is only handed on moves nothing
    assert told.layers[0].intensity == 2 * 2 * 30 / (4 * 57)
    lookup = gradwell.inspect(nn.Embedding(1000, 4), "3:long").layers[0]
    assert (lookup.read, lookup.written) == (3 * 8 + 3 * 4 * 4, 3 * 4 * 4)


@pytest.mark.parametrize("kind", MODELS)
def test_the_table_fits_into_its_width(kind, monkeypatch):
    make, shape = MODELS[kind]
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        text = str(gradwell.inspect(make(), shape))
        assert max(map(len, text.splitlines())) <= width
        assert all(layer.path[-8:] in text for layer in gradwell.inspect(make(), shape).layers)


def test_bottlenecks_are_set_beside_the_plain_convolution():
    told = gradwell.inspect(MobileNet(), "3x16x16")
    (pair,) = told.bottlenecks
    assert (pair.kind, pair.paths, pair.channels) == ("separable", ("3", "6"), (8, 8, 16))
    assert (pair.parameters, pair.plain_parameters) == (8 * 9 + 8 * 16, 8 * 9 * 16)
    plain = gradwell.inspect(nn.Conv2d(8, 16, 3, padding=1, bias=False), "8x8x8")
    assert (pair.plain_parameters, pair.plain_flops) == (plain.parameters, plain.flops)
    assert pair.flops == sum(layer.flops for layer in told.layers if layer.path in pair.paths)


def test_a_chain_is_found_by_what_flows_and_not_by_its_order():
    class Parts(nn.Module):
        def __init__(self, add):
            super().__init__()
            self.expand, self.wide, self.reduce, self.add = nn.Conv2d(4, 16, 1), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(16, 4, 1), add

        def forward(self, x):
            y = torch.relu(self.reduce(x))
            return self.expand(self.wide(y + 1 if self.add is None else y + self.add(x)))

    told = gradwell.inspect(Parts(None), "16x6x6")
    assert [(one.kind, one.paths) for one in told.bottlenecks] == [("bottleneck", ("reduce", "wide", "expand"))]
    assert told.bottlenecks[0].plain_parameters == 16 * 16 * 9 + 16
    assert told.bottlenecks[0].parameter_saving == (16 * 16 * 9 + 16) / (68 + 148 + 80)
    added = gradwell.inspect(Parts(nn.Conv2d(16, 4, 5, padding=2)), "16x6x6")
    assert added.bottlenecks == ()  # what is added in comes from elsewhere


def test_a_squeeze_may_serve_two_convolutions():
    make, shape = MODELS["fire"]
    (fire,) = gradwell.inspect(make(), shape).bottlenecks
    assert (fire.paths, fire.channels, fire.kernel) == (("squeeze", "expand3"), (16, 4, 8), (3, 3))
