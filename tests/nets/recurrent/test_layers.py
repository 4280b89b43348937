"""Our own layers are torch's when plain; what torch does not have follows its equations, and so do all gradients."""

import pickle

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.utils.rnn import pack_padded_sequence

from gradwell.errors import DataError, OptionError
from gradwell.nets.recurrent import GRU, LSTM, RNN, temporal_gradients
from tests.nets.recurrent.oracle import KINDS, draw, flat, mine, padded, state_for, theirs

SHAPES = [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True, "batch_first": True}, {"bias": False}]
LENGTHS = [3, 6, 1, 4]
EXTRAS = [
    {"layer_norm": True}, {"zoneout": 0.3}, {"input_dropout": 0.2, "recurrent_dropout": 0.3}, {"layer_norm": True, "bias": False},
    {"layer_norm": True, "zoneout": 0.3, "recurrent_dropout": 0.3, "bidirectional": True, "num_layers": 2, "dropout": 0.2},
]


def with_cell(kind, options):
    return {**options, "cell_zoneout": 0.4} if kind == "LSTM" and "zoneout" in options else options


def gradients(layer, x, *more, **options):
    """Output, state, and the gradients of a sum that needs them all."""
    outputs = list(flat(layer(x, *more, **options)))
    loss = sum((v * torch.linspace(-1, 1, v.numel(), dtype=v.dtype).view_as(v)).sum() for v in outputs)
    source = next(flat(x))
    wanted = [source] if source.is_leaf and source.requires_grad else []
    return outputs, torch.autograd.grad(loss, [*wanted, *layer.parameters()])


@pytest.mark.parametrize("implementation", ["auto", "fast", "reference"])
@pytest.mark.parametrize("options", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_layer_is_torchs_and_state_dicts_go_both_ways(kind, options, implementation):
    own, other = mine(kind, 5, 7, implementation=implementation, **options), theirs(kind, 5, 7, **options)
    other.load_state_dict(own.state_dict())
    own.load_state_dict(theirs(kind, 5, 7, seed=5, **options).state_dict())
    own.load_state_dict(other.state_dict())
    first = options.get("batch_first", False)
    x = draw(4, 6, 5) if first else draw(6, 4, 5)
    state = state_for(other, 4)
    torch.testing.assert_close(gradients(own, x.requires_grad_(), state), gradients(other, x, state))
    found, expected = (gradients(m, pack_padded_sequence(x, LENGTHS, first, enforce_sorted=False), state) for m in (own, other))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(list(flat(own(x[0] if first else x[:, 0]))), list(flat(other(x[0] if first else x[:, 0]))))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers_is_torchs_with_the_same_seed(kind, dropout):
    own, other = mine(kind, 5, 7, 3, dropout=dropout), theirs(kind, 5, 7, 3, dropout=dropout)
    other.load_state_dict(own.state_dict())
    results = []
    for layer in (own, other):
        torch.manual_seed(3)
        results.append(layer(draw(6, 4, 5))[0])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", EXTRAS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_fast_way_is_the_plain_equations(kind, options, training):
    results = []
    for implementation in ("fast", "reference"):
        layer = mine(kind, 5, 7, implementation=implementation, **with_cell(kind, options)).train(training)
        with torch.no_grad():
            for n, p in enumerate(layer.parameters()):
                p += 0.1 * draw(*p.shape, seed=n)
        torch.manual_seed(4)
        results.append(gradients(layer, draw(6, 4, 5).requires_grad_(), lengths=LENGTHS))
    torch.testing.assert_close(*results, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"implementation": "fast"}, {"layer_norm": True}, {"zoneout": 0.3}])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "tanh"])
def test_first_and_second_derivatives_are_those_of_finite_differences(kind, options):
    layer = mine(kind, 2, 3, **with_cell(kind, options)).eval()
    names = [name for name, _ in layer.named_parameters()]

    def run(x, *weights):
        y, state = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x, None, [2, 3]))
        return y, *flat(state)

    inputs = draw(3, 2, 2).requires_grad_(), *(p.detach().requires_grad_() for p in layer.parameters())
    assert gradcheck(run, inputs, fast_mode=True)
    assert gradgradcheck(run, inputs, fast_mode=True)


def test_layer_normalisation_is_the_paper_s():
    layer, x = mine("LSTM", 5, 7, layer_norm=True), draw(1, 4, 5)
    h, c = state_for(layer, 4)
    norm = nn.functional.layer_norm
    i, f, g, o = (norm(x[0] @ layer.weight_ih_l0.t(), [28]) + norm(h[0] @ layer.weight_hh_l0.t(), [28]) + layer.bias_ih_l0).chunk(4, -1)
    cell = f.sigmoid() * c[0] + i.sigmoid() * g.tanh()
    torch.testing.assert_close(layer(x, (h, c))[0][0], o.sigmoid() * norm(cell, [7]).tanh())


def test_with_zoneout_a_unit_keeps_its_old_value_or_takes_the_new_one():
    layer, x = mine("GRU", 5, 200, zoneout=0.3), draw(1, 4, 5)
    h = state_for(layer, 4)
    y = layer(x, h)[0][0]
    kept = y == h[0]
    assert 0.2 < kept.double().mean() < 0.4
    layer.zoneout = 0.0
    new = layer(x, h)[0][0]
    torch.testing.assert_close(y[~kept], new[~kept])
    layer.zoneout = 0.3
    torch.testing.assert_close(layer.eval()(x, h)[0][0], 0.7 * new + 0.3 * h[0])


def test_variational_dropout_keeps_one_mask_for_all_steps():
    layer = mine("tanh", 50, 8, input_dropout=0.5)
    nn.init.zeros_(layer.weight_hh_l0)
    y = layer(torch.ones(6, 3, 50, dtype=torch.float64))[0]
    torch.testing.assert_close(y, y[:1].expand_as(y))
    assert not torch.equal(y[:, 0], y[:, 1])
    assert torch.equal(layer.eval()(draw(6, 3, 50))[0], layer(draw(6, 3, 50))[0])


def test_recurrent_weights_start_orthogonal_and_the_forget_gate_open():
    layer = LSTM(5, 7, forget_bias=2.0)
    for block in layer.weight_hh_l0.split(7):
        torch.testing.assert_close(block @ block.t(), torch.eye(7), atol=1e-5, rtol=0)
    assert torch.equal((layer.bias_ih_l0 + layer.bias_hh_l0)[7:14], torch.full((7,), 2.0))
    assert not layer.bias_ih_l0[:7].any()
    uniform = GRU(5, 7, orthogonal=False).weight_hh_l0[:7]
    assert not torch.allclose(uniform @ uniform.t(), torch.eye(7), atol=0.1)


def test_a_layer_survives_saving_and_says_its_options():
    layer = LSTM(5, 7, 2, layer_norm=True, zoneout=0.1)
    again = pickle.loads(pickle.dumps(layer)).eval()
    x = draw(6, 4, 5, dtype=torch.float32)
    assert torch.equal(again(x)[0], layer.eval()(x)[0])
    assert repr(layer) == "LSTM(5, 7, num_layers=2, zoneout=0.1, layer_norm=True)"


@pytest.mark.parametrize("kind", KINDS)
def test_single_precision_is_near_torch(kind):
    own, other = mine(kind, 64, 300, dtype=torch.float32, implementation="fast"), theirs(kind, 64, 300, dtype=torch.float32)
    other.load_state_dict(own.state_dict())
    x = draw(8, 32, 64, dtype=torch.float32).requires_grad_()
    torch.testing.assert_close(padded(own(x)[0]), other(x)[0], atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(gradients(own, x), gradients(other, x), atol=2e-4, rtol=1e-4)


def test_autocast_computes_in_the_type_of_the_weights():
    layer, x = LSTM(5, 7), draw(6, 4, 5, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x)[0], LSTM.forward(layer, x)[0])
        assert layer(x.bfloat16())[0].dtype == torch.float32


@pytest.mark.parametrize("implementation", ["auto", "fast", "reference"])
def test_what_would_grow_without_end_in_the_padding_does_no_harm(implementation):
    own, other = mine("relu", 3, 4, 2, dtype=torch.float32, implementation=implementation), theirs("relu", 3, 4, 2, dtype=torch.float32)
    for layer in (own, other):
        for p in layer.parameters():
            nn.init.ones_(p)
    x = draw(100, 2, 3, dtype=torch.float32)
    y, expected = own(x, lengths=[3, 2])[0], other(pack_padded_sequence(x, [3, 2]))[0].data
    found = torch.autograd.grad(y.sum(), list(own.parameters()))
    torch.testing.assert_close(found, torch.autograd.grad(expected.sum(), list(other.parameters())))
    parts = temporal_gradients(other, x, torch.ones_like(y), lengths=[3, 2])
    torch.testing.assert_close(parts[0].by_lag["weight_hh"].sum(0), found[1])


@pytest.mark.parametrize("options", [{}, {"layer_norm": True, "num_layers": 2}, {"bidirectional": True}, {"zoneout": 0.2}])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_layer_can_be_exported(kind, options):
    layer, x = mine(kind, 3, 4, dtype=torch.float32, **options).eval(), draw(3, 2, 3, dtype=torch.float32)
    program = torch.export.export(layer, (x,))
    torch.testing.assert_close(program.module()(x)[0], layer(x)[0])


def test_options_that_are_not_possible_are_named():
    for make, says in (
        (lambda: LSTM(5, 0), "hidden_size is 0"), (lambda: GRU(5, 7, zoneout=1.5), "zoneout is 1.5; it must be a probability"),
        (lambda: RNN(5, 7, nonlinearity="sin"), "'sin'; it can be 'tanh' or 'relu'"),
        (lambda: GRU(5, 7, dropout=0.5), "acts between layers"),
        (lambda: LSTM(5, 7, implementation="x"), "can be 'auto', 'fast', 'reference'"),
        (lambda: LSTM(5, 7, cell_zoneout=-1), "cell_zoneout is -1"),
    ):
        with pytest.raises(OptionError, match=says):
            make()
    with pytest.raises(DataError, match="convert one of them"):
        LSTM(5, 7)(draw(6, 4, 5))
