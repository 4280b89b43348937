"""Gradients taken apart in time are those of autograd through torch's cells, and add up to them."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from gradwell.errors import DataError, OptionError
from gradwell.nets.recurrent import temporal_gradients
from tests.nets.recurrent.oracle import KINDS, draw, flat, mine, state_for, theirs, unrolled

SHAPES = [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 3, "bidirectional": True}, {"bias": False}]
LENGTHS = [3, 6, 1, 4]


def case(kind, **options):
    layer = theirs(kind, 5, 7, **options)
    x, state = draw(6, 4, 5), state_for(layer, 4)
    gradient = draw(6, 4, 14 if layer.bidirectional else 7, seed=9)
    return layer, x, state, gradient


@pytest.mark.parametrize("options", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_lags_add_up_to_autograds_gradient(kind, options):
    layer, x, state, gradient = case(kind, **options)
    x.requires_grad_()
    found = temporal_gradients(layer, x, gradient, state)
    layer(x, state)[0].backward(gradient)
    torch.testing.assert_close(found.inputs, x.grad)
    for k, row in enumerate(found.layers):
        for d, part in enumerate(row):
            for name, lags in part.by_lag.items():
                expected = getattr(layer, f"{name}_l{k}" + "_reverse" * d).grad
                torch.testing.assert_close(lags.sum(0), expected, atol=1e-9, rtol=1e-6)


@pytest.mark.parametrize("options", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_every_state_is_that_through_torchs_cells(kind, options):
    layer, x, state, gradient = case(kind, **options)
    x.requires_grad_()
    kept = {}
    y = unrolled(layer, kind, x, LENGTHS, state, kept)
    y.backward(gradient[: len(y)])
    found = temporal_gradients(layer, x, gradient, state, LENGTHS)
    torch.testing.assert_close(found.inputs, x.grad)
    for (k, d, t, b), (h, c) in kept.items():
        torch.testing.assert_close(found[k, d].h[t, b], torch.zeros_like(h) if h.grad is None else h.grad)
        if c is not None:
            torch.testing.assert_close(found[k, d].c[t, b], torch.zeros_like(c) if c.grad is None else c.grad)
    assert not found[0].h[torch.arange(6)[:, None] >= torch.tensor(LENGTHS)].any()
    for k, row in enumerate(found.layers):
        for d, part in enumerate(row):
            for name, lags in part.by_lag.items():
                torch.testing.assert_close(lags.sum(0), getattr(layer, f"{name}_l{k}" + "_reverse" * d).grad)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_lag_holds_what_goes_from_a_loss_to_a_weight_so_many_steps_before(kind, layers):
    """Each step gets its own copy of the weights, and each output its own backward pass."""
    steps, batch = 5, 3
    layer = theirs(kind, 4, 6, layers)
    x, state, gradient = draw(steps, batch, 4), state_for(layer, batch), draw(steps, batch, 6, seed=9)
    copies = [theirs(kind, 4, 6, layers) for _ in range(steps)]
    outputs, now = [], state
    for copy, xs in zip(copies, x, strict=True):
        y, now = copy(xs[None], now)
        outputs.append(y[0])
    expected = {name: torch.zeros(steps, *w.shape, dtype=torch.float64) for name, w in layer.named_parameters()}
    for t, (y, d) in enumerate(zip(outputs, gradient, strict=True)):
        for s in range(t + 1):
            grads = torch.autograd.grad(y, list(copies[s].parameters()), d, retain_graph=True)
            for (name, _), grad in zip(layer.named_parameters(), grads, strict=True):
                expected[name][t - s] += grad
    found = temporal_gradients(layer, x, gradient, state)
    few = temporal_gradients(layer, x, gradient, state, lags=2)
    for name, lags in expected.items():
        base, k = name.rsplit("_l", 1)
        torch.testing.assert_close(found[int(k)].by_lag[base], lags, atol=1e-9, rtol=1e-6)
        torch.testing.assert_close(few[int(k)].by_lag[base], lags[:2], atol=1e-9, rtol=1e-6)
        torch.testing.assert_close(found[int(k)].lag_norms[base], lags.flatten(1).norm(dim=1), atol=1e-9, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_what_each_step_adds_is_measured_without_being_made(kind):
    """Each step has its own copy of the weights; the last two directions of a lag are tested above."""
    layer = theirs(kind, 4, 6)
    x, state, gradient = draw(5, 3, 4), state_for(layer, 3), draw(5, 3, 6, seed=9)
    copies, outputs, now = [theirs(kind, 4, 6) for _ in range(5)], [], state
    for copy, xs in zip(copies, x, strict=True):
        y, now = copy(xs[None], now)
        outputs.append(y[0])
    torch.stack(outputs).backward(gradient)
    found = temporal_gradients(layer, x, gradient, state)[0]
    for name in ("weight_ih", "weight_hh"):
        expected = torch.stack([getattr(copy, name + "_l0").grad.norm() for copy in copies])
        torch.testing.assert_close(found.by_step[name], expected, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_batch_first_and_single_sequences_give_the_same(kind):
    layer, x, state, gradient = case(kind, bidirectional=True, num_layers=2)
    base = temporal_gradients(layer, x, gradient, state, LENGTHS)
    packed, d = (pack_padded_sequence(v, LENGTHS, enforce_sorted=False) for v in (x, gradient))
    other = temporal_gradients(layer, packed, d, state)
    assert isinstance(other.inputs, PackedSequence)
    first = theirs(kind, 5, 7, bidirectional=True, num_layers=2, batch_first=True)
    third = temporal_gradients(first, x.transpose(0, 1), gradient.transpose(0, 1), state, LENGTHS)
    torch.testing.assert_close(third.inputs.transpose(0, 1), base.inputs)
    for found in (other, third):
        for k in range(2):
            torch.testing.assert_close(found[k, 1].h, base[k, 1].h)
            torch.testing.assert_close(found[k, 1].by_lag, base[k, 1].by_lag)
            torch.testing.assert_close(found[k, 1].by_step, base[k, 1].by_step)
    whole = temporal_gradients(layer, x[:, 1:2], gradient[:, 1:2])
    single = temporal_gradients(layer, x[:, 1], gradient[:, 1])
    torch.testing.assert_close(single.inputs, whole.inputs[:, 0])
    torch.testing.assert_close(single[0].by_lag, whole[0].by_lag)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"num_layers": 2, "bidirectional": True}])
@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_may_read_the_last_state(kind, options, lengths):
    layer, x, state, gradient = case(kind, **options)
    at_end = state_for(layer, 4, seed=5)
    given = x if lengths is None else pack_padded_sequence(x, lengths, enforce_sorted=False)
    y, end = layer(given, state)
    y = y if lengths is None else pad_packed_sequence(y)[0]
    sum((a * b).sum() for a, b in zip(flat(y, end), flat(gradient, at_end), strict=True)).backward()
    found = temporal_gradients(layer, x, gradient, state, lengths, state_gradient=at_end)
    short = temporal_gradients(layer, x, gradient, state, lengths, lags=2, state_gradient=at_end)
    for k, row in enumerate(found.layers):
        for d, part in enumerate(row):
            for name, whole in part.whole.items():
                torch.testing.assert_close(whole, getattr(layer, f"{name}_l{k}" + "_reverse" * d).grad)
                torch.testing.assert_close(part.by_lag[name].sum(0), whole, atol=1e-9, rtol=1e-6)
                torch.testing.assert_close(short[k, d].whole[name], whole)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shares_of_the_lags_add_up_to_one(kind):
    layer, x, state, gradient = case(kind)
    found = temporal_gradients(layer, x, gradient, state)[0]
    for name, shares in found.lag_shares.items():
        assert shares.sum().item() == pytest.approx(1)
        whole, parts = getattr(layer, name + "_l0"), found.by_lag[name]
        cosines = torch.stack([nn.functional.cosine_similarity(p.flatten(), found.whole[name].flatten(), 0) for p in parts])
        assert whole.shape == found.whole[name].shape
        torch.testing.assert_close(found.lag_cosines[name], cosines)


@pytest.mark.parametrize("options", [{"layer_norm": True}, {"zoneout": 0.2}, {"layer_norm": True, "zoneout": 0.3, "bidirectional": True}])
@pytest.mark.parametrize("kind", KINDS)
def test_our_own_layers_can_be_taken_apart_too(kind, options):
    layer = mine(kind, 5, 7, 2, **options, **({"cell_zoneout": 0.4} if kind == "LSTM" and "zoneout" in options else {})).eval()
    x, gradient = draw(6, 4, 5), draw(6, 4, 14 if layer.bidirectional else 7, seed=9)
    found = temporal_gradients(layer, x, gradient, lengths=LENGTHS)
    layer(x, lengths=LENGTHS)[0].backward(gradient)
    for name, w in layer.named_parameters():
        base, place = name.rsplit("_l", 1)
        part = found[int(place[0]), int(place.endswith("reverse"))]
        torch.testing.assert_close(part.by_lag[base].sum(0), w.grad, atol=1e-9, rtol=1e-6)


def test_norms_and_the_spectral_radius_are_what_they_say():
    layer, x, state, gradient = case("LSTM")
    found = temporal_gradients(layer, x, gradient, state)[0]
    torch.testing.assert_close(found.h_norm, torch.stack([h.norm() for h in found.h]))
    torch.testing.assert_close(found.c_norm, torch.stack([c.norm() for c in found.c]))
    assert found.spectral_radius.shape == (4,)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.cat([s * torch.eye(7) for s in (0.5, 1, 2, 3)]))
    radius = temporal_gradients(layer, x, gradient)[0].spectral_radius
    torch.testing.assert_close(radius, torch.tensor([0.5, 1, 2, 3], dtype=torch.float64))


def test_a_small_recurrent_weight_makes_the_gradient_vanish_with_the_lag_and_a_large_one_does_not():
    def fall(scale):
        layer = theirs("tanh", 5, 7)
        nn.init.orthogonal_(layer.weight_hh_l0, scale)
        sizes = temporal_gradients(layer, 0.01 * draw(12, 4, 5), draw(12, 4, 7))[0].lag_norms["weight_hh"]
        return sizes[8] / sizes[0]

    assert fall(0.3) < 1e-3
    assert fall(1.0) > 100 * fall(0.3)


def test_nothing_changes_while_gradients_are_taken_apart():
    layer, x, state, gradient = case("GRU", num_layers=2, dropout=0.5)
    random = torch.get_rng_state()
    found = temporal_gradients(layer, x.requires_grad_(), gradient, state)
    assert torch.equal(random, torch.get_rng_state())
    assert all(p.grad is None for p in layer.parameters())
    assert x.grad is None
    assert not found.inputs.requires_grad


def test_wrong_arguments_are_named():
    layer, x, _, gradient = case("GRU")
    with pytest.raises(OptionError, match="lags is 0"):
        temporal_gradients(layer, x, gradient, lags=0)
    with pytest.raises(DataError, match=r"shape \(6, 4, 3\); it must have that of the output, \(6, 4, 7\)"):
        temporal_gradients(layer, x, gradient[..., :3])
    with pytest.raises(DataError, match="it must be a Tensor"):
        temporal_gradients(layer, x, pack_padded_sequence(gradient, [6] * 4))
    with pytest.raises(DataError, match=r"state_gradient is a tensor of shape \(4, 7\)"):
        temporal_gradients(layer, x, gradient, state_gradient=gradient[0])
