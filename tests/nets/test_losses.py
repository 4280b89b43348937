"""Losses on logits: the gradient in closed form against autograd, in double precision, and what is said of each against what it does."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gradwell.errors import OptionError
from gradwell.nets.losses import LOSSES, loss

N, C = 6, 5
W = torch.tensor([0.5, 2.0, 1.0, 0.1, 3.0], dtype=torch.float64)
IDS, IGNORED = torch.tensor([0, 3, 4, 1, 1, 2]), torch.tensor([0, -100, 4, 7, 1, 2])
SOFT = torch.rand(N, C, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(1)
HARD = torch.tensor([[1.0, 0, 1, 0, 0]] * N, dtype=torch.float64).roll(1, 0)
NUMBERS = torch.randn(N, C, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 2
COUNTS = torch.tensor([[0.0, 1, 2, 3, 9]] * N, dtype=torch.float64)
PIXELS = torch.randint(C, (N, 3, 2), generator=torch.Generator().manual_seed(3))
SHARES = torch.rand(N, C, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64).softmax(1)

CASES = [
    ("cross_entropy", IDS, {}),
    ("cross_entropy", IDS, {"label_smoothing": 0.1}),
    ("cross_entropy", IDS, {"weight": W}),
    ("cross_entropy", IGNORED.where(IGNORED != 7, -100), {"weight": W, "label_smoothing": 0.2}),
    ("cross_entropy", IDS, {"ignore_index": 1}),
    ("cross_entropy", SOFT, {}),
    ("cross_entropy", SOFT, {"weight": W, "label_smoothing": 0.3}),
    ("cross_entropy", PIXELS, {"weight": W, "label_smoothing": 0.1, "ignore_index": 2}),
    ("cross_entropy", SHARES, {"weight": W}),
    ("focal", IDS, {}),
    ("focal", IDS, {"gamma": 0.0}),
    ("focal", IDS, {"gamma": 0.5, "weight": W}),
    ("focal", PIXELS, {"gamma": 3.0}),
    ("kl_divergence", SOFT, {}),
    ("kl_divergence", SHARES, {}),
    ("kl_divergence", HARD / 2, {}),
    ("multi_margin", IDS, {}),
    ("multi_margin", IDS, {"margin": 0.3, "weight": W}),
    ("binary_cross_entropy", HARD, {}),
    ("binary_cross_entropy", SOFT, {"pos_weight": W, "weight": W.flip(0)}),
    ("binary_focal", HARD, {}),
    ("binary_focal", HARD, {"gamma": 1.5, "alpha": 0.25}),
    ("binary_focal", HARD, {"gamma": 0.5}),
    ("hinge", 2 * HARD - 1, {}),
    ("hinge", 2 * HARD - 1, {"margin": 0.2}),
    ("squared_error", NUMBERS, {}),
    ("absolute_error", NUMBERS, {}),
    ("huber", NUMBERS, {}),
    ("huber", NUMBERS, {"delta": 0.3}),
    ("smooth_l1", NUMBERS, {}),
    ("smooth_l1", NUMBERS, {"beta": 0.3}),
    ("smooth_l1", NUMBERS, {"beta": 0.0}),
    ("poisson", COUNTS, {}),
    ("poisson", COUNTS, {"full": True}),
]
EACH = pytest.mark.parametrize("one", LOSSES, ids=lambda one: one.name)
BOUNDED = [case for case in CASES if case[0] != "poisson"]  # whose rate of exp(10000) is infinite
CASE = pytest.mark.parametrize(("name", "target", "options"), CASES, ids=lambda x: x if isinstance(x, str) else "")
FIRST = {name: target for name, target, options in reversed(CASES) if not options}


def logits(target, scale=1.0, dtype=torch.float64):
    shape = target.shape if target.is_floating_point() else (N, C, *target.shape[1:])
    return (scale * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)).requires_grad_()


def by_autograd(one, z, target, **options):
    (gradient,) = torch.autograd.grad(one.value(z, target, **options).sum(), z)
    return gradient


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@CASE
def test_the_gradient_is_autograds(name, target, options, reduction):
    z, one = logits(target), loss(name)
    ours = one.gradient(z.detach(), target, reduction=reduction, **options)
    torch.testing.assert_close(ours, by_autograd(one, z, target, reduction=reduction, **options), rtol=1e-10, atol=1e-12)


@CASE
def test_the_gradient_of_none_is_each_examples_own(name, target, options):
    z, one = logits(target), loss(name)
    rows = one.value(z, target, reduction="none", **options)
    some = rows[2].sum()
    (gradient,) = torch.autograd.grad(some, z)
    torch.testing.assert_close(one.gradient(z.detach(), target, reduction="none", **options)[2], gradient[2], rtol=1e-10, atol=1e-12)
    assert not gradient[[0, 1, 3, 4, 5]].any()


@CASE
def test_sum_is_the_sum_of_none(name, target, options):
    z, one = logits(target), loss(name)
    torch.testing.assert_close(one.value(z, target, reduction="none", **options).sum(), one.value(z, target, reduction="sum", **options))


@pytest.mark.parametrize("scale", [1e4, 1e2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("name", "target", "options"), BOUNDED, ids=lambda x: x if isinstance(x, str) else "")
def test_huge_logits_give_finite_losses_and_the_gradient_of_double_precision(name, target, options, dtype, scale):
    z, one = logits(target, scale, dtype), loss(name)
    z.data[:, 0], z.data[:, 1] = scale, -scale
    options = {key: value.to(dtype) if isinstance(value, torch.Tensor) else value for key, value in options.items()}
    aim = target.to(dtype) if target.is_floating_point() else target
    value, gradient = one.value(z, aim, **options), one.gradient(z.detach(), aim, **options)
    assert value.isfinite()
    assert gradient.isfinite().all()
    theirs = by_autograd(one, z, aim, **options)
    assert theirs.isfinite().all()
    torch.testing.assert_close(gradient, theirs, rtol=1e-4, atol=1e-6)


def test_the_poisson_loss_is_finite_where_its_rate_is():
    z, one = torch.tensor([-1e4, 0.0, 80.0], requires_grad=True), loss("poisson")
    target = torch.tensor([3.0, 0.0, 1e30])
    assert one.value(z, target).isfinite()
    torch.testing.assert_close(one.gradient(z.detach(), target), by_autograd(one, z, target))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-30, 30), min_size=C, max_size=C), st.floats(-20, 20), st.integers(0, C - 1))
def test_losses_under_a_softmax_neither_see_nor_move_the_mean_logit(row, shift, y):
    z, target = torch.tensor([row], dtype=torch.float64), torch.tensor([y])
    for name in ("cross_entropy", "focal", "multi_margin"):
        one = loss(name)
        assert float(one.gradient(z, target).sum()) == pytest.approx(0, abs=1e-9)
        assert float(one.value(z + shift, target)) == pytest.approx(float(one.value(z, target)), abs=1e-9)


def test_the_focal_losses_are_those_of_the_paper_written_with_probabilities():
    z = logits(IDS).detach()
    p = z.softmax(1)[torch.arange(N), IDS]
    torch.testing.assert_close(loss("focal").value(z, IDS, reduction="none"), -(1 - p).square() * p.log())
    s = z.sigmoid()
    p, a = torch.where(HARD > 0, s, 1 - s), torch.where(HARD > 0, 0.25, 0.75).double()
    ours = loss("binary_focal").value(z, HARD, alpha=0.25, reduction="none")
    torch.testing.assert_close(ours, -a * (1 - p).square() * p.log())


def test_a_focal_loss_without_focus_is_cross_entropy():
    z = logits(IDS).detach()
    torch.testing.assert_close(loss("focal").value(z, IDS, gamma=0), loss("cross_entropy").value(z, IDS))
    torch.testing.assert_close(loss("binary_focal").value(z, HARD, gamma=0), loss("binary_cross_entropy").value(z, HARD))
    torch.testing.assert_close(loss("binary_focal").gradient(z, HARD, gamma=0), loss("binary_cross_entropy").gradient(z, HARD))


def test_values_are_those_of_torchs_modules():
    z = logits(IDS).detach()
    soft = nn.KLDivLoss(reduction="batchmean")
    torch.testing.assert_close(loss("kl_divergence").value(z, SOFT), soft(z.log_softmax(1), SOFT))
    torch.testing.assert_close(loss("multi_margin").value(z, IDS), nn.MultiMarginLoss()(z, IDS))
    torch.testing.assert_close(loss("poisson").value(z, COUNTS, full=True), nn.PoissonNLLLoss(full=True)(z, COUNTS))
    torch.testing.assert_close(loss("huber").value(z, NUMBERS, delta=0.3), nn.HuberLoss(delta=0.3)(z, NUMBERS))
    hinge = torch.relu(1 - (2 * HARD - 1) * z).mean()
    torch.testing.assert_close(loss("hinge").value(z, 2 * HARD - 1), hinge)


STARTS = {
    "ln C": lambda t: math.log(C),
    "(1 - 1/C)^g ln C": lambda t: (1 - 1 / C) ** 2 * math.log(C),
    "ln C - entropy of q": lambda t: math.log(C) + float((t * t.log()).sum(1).mean()),
    "1 - 1/C": lambda t: 1 - 1 / C,
    "ln 2": lambda t: math.log(2),
    "ln 2 / 2^g": lambda t: math.log(2) / 4,
    "1": lambda t: 1.0,
    "mean of y^2": lambda t: float(t.square().mean()),
    "mean of |y|": lambda t: float(t.abs().mean()),
    "mean of the loss of 0 against y": lambda t: float(torch.where(t.abs() < 1, t.square() / 2, t.abs() - 0.5).mean()),
}


@EACH
def test_zero_logits_cost_what_is_said(one):
    target = FIRST[one.name]
    z = torch.zeros_like(logits(target)).detach()
    assert float(one.value(z, target)) == pytest.approx(STARTS[one.start](target))


@EACH
def test_the_matching_head_gives_what_the_loss_is_about(one):
    said = one.predict(logits(FIRST[one.name]).detach())
    if one.head == "softmax":
        torch.testing.assert_close(said.sum(1), torch.ones(N, dtype=torch.float64))
    if one.head in ("softmax", "sigmoid", "exp"):
        assert said.min() >= 0
    if one.head.startswith("none"):
        torch.testing.assert_close(said, logits(FIRST[one.name]).detach())


@pytest.mark.parametrize("name", ["cross_entropy", "kl_divergence", "binary_cross_entropy", "poisson", "squared_error"])
def test_the_gradient_is_zero_where_the_prediction_is_the_target(name):
    one, q = loss(name), COUNTS[:1] + 1 if name == "poisson" else SOFT[:1]
    z = {"softmax": q.log(), "sigmoid": q.logit(), "exp": q.log(), "none": q}[one.head]
    torch.testing.assert_close(one.predict(z), q)
    assert float(one.gradient(z, q).abs().max()) < 1e-12


def test_an_unknown_loss_or_reduction_is_named_with_those_there_are():
    with pytest.raises(OptionError, match="'mse'; there are cross_entropy, focal"):
        loss("mse")
    z = logits(IDS)
    for one in LOSSES:
        with pytest.raises(OptionError, match="'average'; there are mean, sum, none"):
            one.value(z, FIRST[one.name], reduction="average")
        with pytest.raises(OptionError, match="'average'; there are mean, sum, none"):
            one.gradient(z.detach(), FIRST[one.name], reduction="average")


def test_targets_that_do_not_fit_are_refused_with_both_shapes():
    z = logits(IDS)
    with pytest.raises(OptionError, match=r"\(6, 5\) need a target of the same shape, not \(6,\)"):
        loss("squared_error").value(z, NUMBERS[:, 0])
    with pytest.raises(OptionError, match=r"class numbers of shape \(6,\) and type int64, not \(6, 1\) of torch.int64"):
        loss("cross_entropy").value(z, IDS[:, None])
    with pytest.raises(OptionError, match=r"not \(6, 5\) of torch\.float64"):
        loss("focal").value(z, SOFT)
    with pytest.raises(OptionError, match="targets -1 and 1, not 0"):
        loss("hinge").value(z, HARD)
    with pytest.raises(OptionError, match=r"targets 0 and 1, not 0\."):
        loss("binary_focal").value(z, SOFT)
    with pytest.raises(OptionError, match="gamma of the focal loss is 0 or more, not -1"):
        loss("focal").value(z, IDS, gamma=-1.0)
    with pytest.raises(OptionError, match=r"takes logits \(N, C\), not \(6, 5, 3, 2\)"):
        loss("multi_margin").value(logits(PIXELS), PIXELS)
