"""Side by side with torchinfo and with torch's own flop counter."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import gradwell
from tests.nets.inspection.models import MODELS

torchinfo = pytest.importorskip("torchinfo")


@pytest.fixture(params=MODELS)
def case(request):
    make, shape = MODELS[request.param]
    model = make().eval()
    sizes, _, kind = shape.partition(":")
    sizes = (1, *map(int, sizes.split("x")))
    return request.param, model, shape, torch.zeros(sizes, dtype=torch.long) if kind else torch.rand(sizes)


@contextmanager
def unfused():
    """torch's counter knows products of matrices and not the kernels that do a whole layer at once."""
    before, fast = torch._C._get_mkldnn_enabled(), torch.backends.mha.get_fastpath_enabled()
    torch._C._set_mkldnn_enabled(False)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch._C._set_mkldnn_enabled(before)
        torch.backends.mha.set_fastpath_enabled(fast)


def test_parameters_and_shapes_of_every_layer_are_those_of_torchinfo(case):
    _, model, shape, x = case
    told = {layer.path: layer for layer in gradwell.inspect(model, shape).layers}
    theirs = torchinfo.summary(model, input_data=x, verbose=0, depth=9)
    paths = {id(module): path for path, module in model.named_modules()}
    same = [one for one in theirs.summary_list if paths[one.layer_id] in told]
    assert {paths[one.layer_id] for one in same} == set(told)
    for one in same:
        mine = told[paths[one.layer_id]]
        assert mine.type == one.class_name
        assert list(mine.output_shape) == list(one.output_size)
        assert mine.parameters == one.num_params


def test_total_parameters_are_those_of_torchinfo_and_of_the_model(case):
    name, model, shape, x = case
    told = gradwell.inspect(model, shape)
    assert told.parameters == sum(p.numel() for p in model.parameters())
    assert told.parameters == sum(layer.parameters - layer.repeated for layer in told.layers)
    theirs = torchinfo.summary(model, input_data=x, verbose=0, depth=9)
    if name != "transformer":
        assert (told.parameters, told.trainable) == (theirs.total_params, theirs.trainable_params)


def test_multiplications_are_those_of_torchinfo_where_it_counts_them_rightly(case):
    """torchinfo adds the biases, and counts a linear layer on many words once."""
    name, model, shape, x = case
    if name in ("classifier", "transformer"):
        pytest.skip("torchinfo counts no multiplications of an embedding, an LSTM or an attention that are comparable")
    told = {layer.path: layer for layer in gradwell.inspect(model, shape).layers}
    paths = {id(module): path for path, module in model.named_modules()}
    compared = 0
    for one in torchinfo.summary(model, input_data=x, verbose=0, depth=9).summary_list:
        if one.class_name in ("Conv2d", "Linear"):
            mine = told[paths[one.layer_id]]
            bias = model.get_submodule(mine.path).bias
            added = 0 if bias is None else torch.Size(mine.output_shape).numel()
            assert mine.flops == 2 * (one.macs - added)
            compared += 1
    assert compared >= 2


def test_operations_are_those_of_torch_and_every_one_belongs_to_a_layer(case):
    _, model, shape, x = case
    with torch.no_grad(), unfused(), FlopCounterMode(display=False) as counter:
        model(x)
    told = gradwell.inspect(model, shape)
    assert told.flops == counter.get_total_flops() > 0
    assert told.flops == sum(layer.flops for layer in told.layers)


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Conv1d(4, 6, 3, 2, 1, 2, groups=2), (3, 4, 20)), (nn.Conv3d(1, 2, 3), (2, 1, 5, 6, 7)),
    (nn.ConvTranspose2d(4, 2, 3, 2), (2, 4, 5, 5)),
    (nn.GRU(4, 6, 2, bidirectional=True), (5, 2, 4)), (nn.LSTM(4, 6, batch_first=True), (2, 5, 4)), (nn.LSTMCell(4, 6), (2, 4))], ids=str)
def test_operations_of_a_layer_are_those_of_torch_for_the_whole_batch(layer, shape):
    x = torch.rand(shape)
    with torch.no_grad(), unfused(), FlopCounterMode(display=False) as counter:
        layer(x)
    assert gradwell.inspect(layer, x).layers[0].flops == counter.get_total_flops() > 0


def test_arithmetic_between_layers_belongs_to_the_module_that_does_it():
    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            return x @ self.inner(x).transpose(1, 2)

    told = gradwell.inspect(Scores(), (5, 4))
    assert [(layer.path, layer.flops) for layer in told.layers] == [("inner", 2 * 5 * 4 * 4), ("", 2 * 5 * 4 * 5)]
