"""A trace gives the layer's own output and every gate that torch's cells would have had, and changes nothing."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from gradwell.errors import DataError, OptionError
from gradwell.nets.recurrent import GRU, LSTM, GRUGates, LSTMGates, trace
from tests.nets.recurrent.oracle import KINDS, draw, flat, mine, padded, state_for, theirs, unrolled

SHAPES = [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 3, "bidirectional": True}, {"bias": False}]
LENGTHS = [3, 6, 1, 4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_output_and_state_are_the_layers_own(kind, options, dtype):
    layer = theirs(kind, 5, 7, dtype=dtype, **options)
    x = draw(6, 4, 5, dtype=dtype)
    for state in (None, state_for(layer, 4)):
        found = trace(layer, x, state)
        torch.testing.assert_close(list(flat(found.output, found.state)), list(flat(layer(x, state))), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("options", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_packed_and_padded_sequences_are_read_as_the_layer_reads_packed_ones(kind, options, batch_first):
    layer = theirs(kind, 5, 7, batch_first=batch_first, **options)
    x = draw(4, 6, 5) if batch_first else draw(6, 4, 5)
    state = state_for(layer, 4)
    packed = pack_padded_sequence(x, LENGTHS, batch_first, enforce_sorted=False)
    expected, end = layer(packed, state)
    found = trace(layer, packed, state)
    torch.testing.assert_close(list(flat(found.output, found.state)), list(flat(expected, end)))
    assert all(a is b or torch.equal(a, b) for a, b in zip(found.output[1:], expected[1:], strict=True))
    found = trace(layer, x, state, LENGTHS)
    torch.testing.assert_close(found.output, pad_packed_sequence(expected, batch_first)[0])
    torch.testing.assert_close(list(flat(found.state)), list(flat(end)))


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_packed_in_order_of_length_are_read(kind):
    layer, packed = theirs(kind, 5, 7, 2, bidirectional=True), pack_padded_sequence(draw(6, 4, 5), [6, 4, 4, 1])
    found = trace(layer, packed)
    torch.testing.assert_close(list(flat(found.output, found.state)), list(flat(layer(packed))))


@pytest.mark.parametrize("options", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_state_is_that_of_torchs_cell_and_padding_is_zero(kind, options):
    layer = theirs(kind, 5, 7, **options)
    x, state, kept = draw(6, 4, 5), state_for(layer, 4), {}
    output = unrolled(layer, kind, x, LENGTHS, state, kept)
    found = trace(layer, x, state, LENGTHS)
    torch.testing.assert_close(found.output, output.detach())
    for (k, d, t, b), (h, c) in kept.items():
        torch.testing.assert_close(found[k, d].h[t, b], h.detach())
        if c is not None:
            torch.testing.assert_close(found[k, d].c[t, b], c.detach())
    for gates in (g for row in found.layers for g in row):
        for name in ("h", *gates.names):
            assert not getattr(gates, name)[~gates.mask].any()


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_lstms_parts_obey_its_equations(dtype, direction):
    layer, x = theirs("LSTM", 5, 7, dtype=dtype, bidirectional=True), draw(6, 4, 5, dtype=dtype)
    g = trace(layer, x)[0, direction]
    assert isinstance(g, LSTMGates)
    flip = (lambda v: v.flip(0)) if direction else (lambda v: v)
    before = [flip(torch.cat([torch.zeros_like(v[:1]), flip(v)[:-1]])) for v in (g.h, g.c)]
    end = "_l0_reverse" if direction else "_l0"
    w_i, w_h, b_i, b_h = (getattr(layer, name + end) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    i, f, n, o = (x @ w_i.t() + b_i + before[0] @ w_h.t() + b_h).detach().chunk(4, -1)
    for value, expected in ((g.i, i.sigmoid()), (g.f, f.sigmoid()), (g.g, n.tanh()), (g.o, o.sigmoid())):
        torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(g.c, g.f * before[1] + g.i * g.g, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(g.h, g.o * g.c.tanh(), atol=1e-6, rtol=1e-5)


def test_a_grus_parts_obey_its_equations():
    layer, x = theirs("GRU", 5, 7), draw(6, 4, 5)
    g = trace(layer, x)[0]
    assert isinstance(g, GRUGates)
    before = torch.cat([torch.zeros_like(g.h[:1]), g.h[:-1]])
    in_r, in_z, in_n = (x @ layer.weight_ih_l0.t() + layer.bias_ih_l0).detach().chunk(3, -1)
    r, z, n = (before @ layer.weight_hh_l0.t() + layer.bias_hh_l0).detach().chunk(3, -1)
    torch.testing.assert_close(g.r, (in_r + r).sigmoid())
    torch.testing.assert_close(g.z, (in_z + z).sigmoid())
    torch.testing.assert_close(g.n, (in_n + g.r * n).tanh())
    torch.testing.assert_close(g.h, (1 - g.z) * g.n + g.z * before)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_one_sequence_without_a_batch_is_read(kind, batch_first):
    layer, x = theirs(kind, 5, 7, 2, batch_first=batch_first, bidirectional=True), draw(6, 5)
    found = trace(layer, x)
    torch.testing.assert_close(list(flat(found.output, found.state)), list(flat(layer(x))))
    assert found[0].h.shape == (6, 1, 7)


@pytest.mark.parametrize("options", [{"layer_norm": True}, {"zoneout": 0.2}, {"input_dropout": 0.3, "recurrent_dropout": 0.4}])
@pytest.mark.parametrize("kind", KINDS)
def test_our_own_layers_can_be_traced_too(kind, options):
    layer, x = mine(kind, 5, 7, 2, bidirectional=True, **options), draw(6, 4, 5)
    found = trace(layer, x, lengths=LENGTHS)
    expected = layer.eval()(x, lengths=LENGTHS)
    torch.testing.assert_close(list(flat(found.output, found.state)), [v.detach() for v in flat(expected)])


def test_tracing_changes_nothing_and_runs_no_hook():
    layer, x = theirs("LSTM", 5, 7, 2, dropout=0.5), draw(6, 4, 5).requires_grad_()
    layer.train()
    calls = []
    layer.register_forward_hook(lambda *_: calls.append(1))
    before, random = {k: v.clone() for k, v in layer.state_dict().items()}, torch.get_rng_state()
    found = trace(layer, x)
    assert not calls
    assert layer.training
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in layer.state_dict().items())
    assert not any(v.requires_grad for v in flat(found.output, found.state, found[0].f, found[0].c))
    torch.testing.assert_close(found.output, layer.eval()(x)[0].detach())


def test_a_parametrised_layers_buffers_stay():
    """spectral_norm takes a step towards the largest singular value whenever a training layer's weight is asked for."""
    layer, x = theirs("LSTM", 5, 7, 2), draw(6, 4, 5)
    for name in ("weight_hh_l0", "weight_hh_l1"):
        nn.utils.parametrizations.spectral_norm(layer, name)
    before = [b.clone() for b in layer.buffers()]
    found = trace(layer, x)
    assert before
    assert all(torch.equal(b, old) for b, old in zip(layer.buffers(), before, strict=True))
    torch.testing.assert_close(trace(layer.eval(), x).output, layer(x)[0].detach())
    assert found.output.isfinite().all()


def test_what_cannot_be_traced_is_refused():
    x = draw(6, 4, 5)
    with pytest.raises(OptionError, match="proj_size=3; only proj_size=0"):
        trace(nn.LSTM(5, 7, proj_size=3).double(), x)
    with pytest.raises(OptionError, match=r"a Linear was given; possible are nn.RNN"):
        trace(nn.Linear(5, 7), x)
    layer = theirs("LSTM", 5, 7)
    with pytest.raises(DataError, match="float32 and the weights"):
        trace(layer, x.float())
    with pytest.raises(DataError, match="have 4 columns"):
        trace(layer, x[..., :4])
    with pytest.raises(DataError, match="must be a pair of tensors"):
        trace(layer, x, x)
    with pytest.raises(DataError, match="must have shape"):
        trace(layer, x, (x, x))
    with pytest.raises(DataError, match="between 0 and 6"):
        trace(layer, x, lengths=[0, 6, 6, 6])
    with pytest.raises(DataError, match="4 integers"):
        trace(layer, x, lengths=[6, 6])
    with pytest.raises(OptionError, match="leave one of them out"):
        trace(layer, pack_padded_sequence(x, [6, 6, 6, 6]), lengths=[6, 6, 6, 6])
    with pytest.raises(DataError, match="one step and one sequence"):
        trace(layer, x[:0])


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_a_trace_of_ours_and_of_torchs_are_one(kind):
    own = kind(5, 7, 2).double()
    other = theirs(kind.__name__, 5, 7, 2)
    other.load_state_dict(own.state_dict())
    a, b = trace(own, draw(6, 4, 5)), trace(other, draw(6, 4, 5))
    torch.testing.assert_close(padded(a.output), padded(b.output))
    torch.testing.assert_close(a[1].h, b[1].h)
