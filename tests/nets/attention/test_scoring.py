"""Additive scores and their gradients are what the plain equation gives, and the hidden layer is never kept."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from gradwell.nets.attention import additive_score, attention, recompute, scoring
from gradwell.nets.attention.powers import powers
from gradwell.nets.attention.scoring import AdditiveScore, plain

pytestmark = pytest.mark.usefixtures("nothing_is_small")
SHAPES = [(1, 1, 1, 1), (2, 1, 5, 3), (3, 4, 1, 2), (5, 6, 7, 8), (2, 3, 0, 4), (0, 3, 2, 4)]


def given(batch=3, queries=4, time=5, size=6, scale=1.0, dtype=torch.float64, covered=False):
    draw = torch.Generator().manual_seed(batch + 10 * queries)
    shapes = [(batch, queries, size), (batch, time, size), (size,)] + [(batch, queries, time), (size,)] * covered
    return [(scale * torch.randn(*shape, generator=draw, dtype=torch.float64)).to(dtype).requires_grad_() for shape in shapes]


def scored(function, inputs, **options):
    """The score and all gradients."""
    score = function(*inputs, **options)
    weight = torch.linspace(-1, 1, score.numel(), dtype=score.dtype).view_as(score)
    return score, *torch.autograd.grad(score, inputs, weight)


@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_plain_equation(shape, covered):
    inputs = given(*shape, covered=covered)
    torch.testing.assert_close(scored(additive_score, inputs), scored(plain, inputs))


@pytest.mark.parametrize("shape", [(4, 9, 11, 64), (4, 1, 11, 64)])
def test_in_single_precision_it_is_as_near_the_truth_as_the_plain_way(shape):
    inputs = given(*shape, dtype=torch.float32)
    truth = scored(plain, [x.detach().double().requires_grad_() for x in inputs])
    for ours, theirs, true in zip(scored(additive_score, inputs), scored(plain, inputs), truth, strict=True):
        scale = true.abs().max()
        assert (ours - true).abs().max() / scale < 1e-6
        assert (theirs - true).abs().max() / scale < 1e-6


def test_sums_that_nearly_cancel_are_as_exact_as_in_the_plain_way():
    inputs = given(16, 20, 20, 32, dtype=torch.float32)
    truth, theirs, ours = (
        torch.autograd.grad(function(*x).sum(), x[2])[0]
        for function, x in ((plain, [x.detach().double().requires_grad_() for x in inputs]), (plain, inputs), (additive_score, inputs))
    )
    assert (ours - truth).abs().max() < 4 * (theirs - truth).abs().max() + 1e-5


@pytest.mark.parametrize("scale", [1.0, 20.0, 60.0, 1000.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_numbers_saturate_and_do_not_overflow(scale, dtype):
    inputs = given(dtype=dtype, scale=scale)
    torch.testing.assert_close(scored(additive_score, inputs), scored(plain, inputs), atol=2e-6 * scale, rtol=1e-5)


def test_numbers_that_cancel_are_not_lost():
    q = torch.tensor([[[1000.0], [39.0]]]).requires_grad_()
    k = torch.tensor([[[-999.5], [-38.5]]]).requires_grad_()
    v = torch.ones(1, requires_grad=True)
    torch.testing.assert_close(scored(additive_score, [q, k, v]), scored(plain, [q, k, v]), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("covered", [False, True])
def test_half_precision_is_summed_in_single(dtype, covered):
    inputs = given(dtype=dtype, covered=covered)
    truth = scored(plain, [x.detach().double().requires_grad_() for x in inputs])
    ours = scored(additive_score, inputs)
    assert {x.dtype for x in ours} == {dtype}
    step = torch.finfo(dtype).eps
    torch.testing.assert_close(tuple(x.double() for x in ours), truth, atol=8 * step, rtol=4 * step)


def test_powers_that_are_at_hand_are_used_and_change_nothing():
    inputs = given()
    with_powers = scored(additive_score, inputs, powers_of_keys=powers(inputs[1]))
    torch.testing.assert_close(with_powers, scored(plain, inputs))


@pytest.mark.parametrize("block", [1, 40, 10**6])
def test_the_size_of_the_buffer_changes_nothing(monkeypatch, block):
    monkeypatch.setattr(recompute, "BLOCK", block)
    inputs = given(5, 3, 4, 5)
    torch.testing.assert_close(scored(additive_score, inputs), scored(plain, inputs))


@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.parametrize("queries", [1, 3])
def test_gradients_and_their_gradients_are_those_of_finite_differences(queries, covered):
    inputs = given(2, queries, 3, 4, covered=covered)
    assert gradcheck(additive_score, inputs)
    assert gradgradcheck(additive_score, inputs)


def saved(function):
    """Shapes of all that is kept for the backward pass of what the function does."""
    shapes = []

    def keep(x):
        shapes.append(tuple(x.shape))
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        function()
    return shapes


def test_no_hidden_layer_is_saved():
    b, i, j, d = 2, 3, 5, 7
    inputs = given(b, i, j, d)
    assert (b, i, j, d) in saved(lambda: plain(*inputs))
    assert set(saved(lambda: additive_score(*inputs))) == {(b, i, d), (b, j, d), (d,)}


@pytest.mark.parametrize("kind", ["additive", "coverage"])
def test_a_decoder_of_single_steps_saves_one_projection_of_the_keys_however_many_steps_it_makes(kind):
    module = attention(kind, 6, 4)
    keys = torch.randn(2, 5, 4)
    memory = module.remember(keys)
    tensors = []

    def keep(x):
        tensors.append(x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        for _ in range(4):
            module.attend(torch.randn(2, 6), memory, torch.zeros(2, 5))
    large = {x.data_ptr() for x in tensors if x.numel() >= 2 * 5 * 6}
    assert large <= {memory.keys.data_ptr()} | ({memory.powers.data_ptr()} if kind == "additive" else set())


def test_what_is_small_takes_the_plain_way(monkeypatch):
    monkeypatch.setattr(scoring, "SMALL", 3 * 4 * 5 * 6 + 1)
    monkeypatch.setattr(AdditiveScore, "apply", None)
    inputs = given()
    assert torch.equal(additive_score(*inputs), plain(*inputs))


def test_torch_func_finds_the_gradient():
    inputs = given()
    expected = torch.autograd.grad(plain(*inputs).sum(), inputs)
    found = torch.func.grad(lambda *x: additive_score(*x).sum(), (0, 1, 2))(*(x.detach() for x in inputs))
    torch.testing.assert_close(found, expected)
