"""Connections against the Jacobian: with positive weights its entries that are not zero are the pairs that a weight connects."""

from math import prod

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import gradwell


def wired(layer, shape):
    """Pairs of one input and one output number that are connected, and all pairs."""
    layer = layer.double().eval()
    for p in layer.parameters():
        nn.init.uniform_(p, 0.1, 1.0)
    x = torch.rand(1, *shape, dtype=torch.float64) + 0.1
    jacobian = torch.autograd.functional.jacobian(layer, x)
    return int((jacobian != 0).sum()), jacobian.numel()


def only(model, shape):
    (layer,) = gradwell.inspect(model, shape).layers
    return layer


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Conv2d(1, 6, 5, padding=2), (1, 9, 8)),
    (nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), (4, 9, 9)),
    (nn.Conv2d(3, 3, (1, 3), groups=3, padding="same", bias=False), (3, 5, 6)),
    (nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), (1, 4, 5)),
    (nn.Conv1d(1, 2, 5, padding=2, padding_mode="replicate"), (1, 6)),
    (nn.Conv1d(1, 2, 5, padding=3, padding_mode="reflect"), (1, 6)),
    (nn.Conv1d(2, 2, 4, padding="same", padding_mode="circular"), (2, 3)),
    (nn.Conv3d(1, 2, 2, padding=1), (1, 3, 4, 3)),
    (nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 4, 5)),
    (nn.ConvTranspose1d(1, 2, 2, stride=3, dilation=2), (1, 5)),
    (nn.Linear(5, 4), (5,)), (nn.Linear(5, 4, bias=False), (3, 5)), (nn.Linear(2, 3), (2, 3, 2)),
    (nn.BatchNorm2d(3), (3, 4, 4)), (nn.PReLU(3), (3, 4)),
], ids=str)
def test_connections_are_the_entries_of_the_jacobian(layer, shape):
    connected, possible = wired(layer, shape)
    told = only(layer, shape)
    assert (told.connections, told.possible) == (connected, possible)
    assert told.sparsity == 1 - connected / possible


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3),
       st.sampled_from(["zeros", "circular", "reflect", "replicate"]), st.integers(4, 9))
def test_connections_of_any_convolution_are_the_entries_of_its_jacobian(kernel, stride, padding, dilation, mode, n):
    assume(n + 2 * padding > dilation * (kernel - 1))
    layer = nn.Conv1d(2, 2, kernel, stride, padding, dilation, padding_mode=mode)
    assert (only(layer, (2, n)).connections, only(layer, (2, n)).possible) == wired(layer, (2, n))


def test_a_locally_connected_layer_has_a_kernel_and_a_bias_for_every_position():
    told = only(nn.Conv2d(1, 6, 5), "1x28x28")  # 24 x 24 positions
    assert told.local_parameters == 24 * 24 * 6 * (25 + 1)
    assert told.sharing == 24 * 24
    assert told.dense_parameters == 28 * 28 * 6 * 24 * 24 + 6 * 24 * 24


def test_a_dense_layer_is_what_a_layer_would_be_if_it_were_dense():
    layer = nn.Linear(7, 3)
    told = only(layer, "7")
    assert told.parameters == told.dense_parameters == told.local_parameters == 7 * 3 + 3
    assert (told.sharing, told.sparsity) == (1, 0)
    assert only(nn.Linear(7, 3, bias=False), "7").dense_parameters == 7 * 3


@pytest.mark.parametrize("layer", [
    nn.RNN(3, 5, batch_first=True), nn.GRU(3, 5, 2, batch_first=True, bidirectional=True), nn.LSTM(3, 5, bias=False, batch_first=True),
    nn.LSTM(3, 5, proj_size=2, batch_first=True)], ids=str)
def test_a_recurrent_layer_shares_its_weights_over_all_steps(layer):
    told = only(layer, (11, 3))
    assert (told.steps, told.sharing) == (11, 11)
    assert told.local_parameters == 11 * sum(p.numel() for p in layer.parameters())
    assert told.sparsity == pytest.approx(1 - 1 / 11)


def test_a_plain_recurrent_layer_connects_input_and_state_to_each_new_state():
    told = only(nn.RNN(3, 5, batch_first=True), (11, 3))
    assert told.connections == 11 * (3 + 5) * 5
    assert told.dense_parameters == (11 * 3 + 11 * 5) * (11 * 5) + 11 * 5


class Unrolled(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(3, 5)

    def forward(self, x):
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return state[0]


def test_a_cell_shares_its_weights_over_its_calls():
    told = gradwell.inspect(Unrolled(), (6, 3))
    (cell,) = told.layers
    assert (cell.path, cell.calls, cell.steps, cell.sharing) == ("cell", 6, 6, 6)
    whole = only(nn.LSTM(3, 5, batch_first=True), (6, 3))
    assert (cell.connections, cell.dense_parameters, cell.sparsity) == (whole.connections, whole.dense_parameters, whole.sparsity)
    assert told.parameters == sum(p.numel() for p in nn.LSTMCell(3, 5).parameters())


def test_an_attention_shares_its_projections_over_the_words():
    told = only_attention(nn.MultiheadAttention(8, 2, batch_first=True), torch.rand(1, 6, 8))
    assert told.sharing == 6
    assert told.connections == 6 * 4 * 8 * 8


def only_attention(layer, x):
    (told,) = gradwell.inspect(layer, (x, x, x)).layers
    return told


def test_an_embedding_counts_as_a_linear_layer_on_words_that_are_one_1_among_zeros():
    told = only(nn.Embedding(50, 4), "7:long")
    as_linear = only(nn.Linear(50, 4, bias=False), "7x50")
    assert (told.connections, told.dense_parameters, told.local_parameters) == (
        as_linear.connections, as_linear.dense_parameters, as_linear.local_parameters)


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Conv2d(2, 3, 3, padding=1), (2, 5, 5)), (nn.Linear(4, 3), (6, 4)), (nn.LSTM(4, 3, batch_first=True), (6, 4)),
    (nn.LayerNorm(4), (6, 4))],
    ids=str)
def test_connections_are_of_one_example_whatever_the_batch(layer, shape):
    one, many = only(layer, shape), only(layer, torch.rand(5, *shape))
    assert (one.connections, one.dense_parameters, one.local_parameters, one.sparsity) == (
        many.connections, many.dense_parameters, many.local_parameters, many.sparsity)
    assert many.flops == 5 * one.flops


def test_a_layer_without_weights_has_no_connections():
    told = only(nn.ReLU(), "4")
    assert (told.connections, told.sharing, told.sparsity, told.dense_parameters) == (None, None, None, None)


def test_the_batch_is_second_where_a_recurrent_layer_has_it_there():
    told = gradwell.inspect(nn.LSTM(3, 4), torch.rand(9, 2, 3))
    assert (told.batch, told.layers[0].steps) == (2, 9)


def test_units_times_units_is_what_is_possible():
    told = only(nn.Conv2d(3, 4, 3), (3, 8, 8))
    assert told.possible == prod((3, 8, 8)) * prod((4, 6, 6))
