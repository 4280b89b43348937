"""The trivial predictor against the best constant that a search finds."""

import pytest
import torch
import torch.nn.functional as F

from gradwell.watch.trivial import TrivialPredictor

GENERATOR = torch.Generator().manual_seed(0)


def best_constant(loss, start, steps=400):
    """The least value of a convex loss of a constant prediction, found by L-BFGS."""
    constant = start.double().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([constant], max_iter=steps, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss(constant)
        value.backward()
        return value

    optimizer.step(closure)
    return loss(constant).detach()


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 5.0, 0.5, 2.0])], ids=["plain", "weighted"])
def test_the_class_prior_is_the_best_constant_for_cross_entropy(weight):
    target = torch.multinomial(torch.tensor([0.5, 0.3, 0.15, 0.05]), 400, replacement=True, generator=GENERATOR)
    ours = TrivialPredictor().classes(target, 4, weight)
    w = None if weight is None else weight.double()
    theirs = best_constant(lambda z: F.cross_entropy(z.expand(400, 4), target, w), torch.zeros(4))
    torch.testing.assert_close(ours.double(), theirs, atol=1e-5, rtol=1e-5)


def test_the_mean_share_is_the_best_constant_for_soft_labels():
    target = torch.randn(50, 3, generator=GENERATOR).softmax(1)
    theirs = best_constant(lambda z: F.cross_entropy(z.expand(50, 3), target.double()), torch.zeros(3))
    torch.testing.assert_close(TrivialPredictor().shares(target).double(), theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("positive", [None, torch.tensor([3.0, 1.0])], ids=["plain", "weighted"])
def test_each_columns_share_is_the_best_constant_for_binary_cross_entropy(positive):
    target = (torch.rand(200, 2, generator=GENERATOR) < torch.tensor([0.2, 0.7])).float()
    p = None if positive is None else positive.double()
    theirs = best_constant(lambda z: F.binary_cross_entropy_with_logits(z.expand(200, 2), target.double(), pos_weight=p), torch.zeros(2))
    torch.testing.assert_close(TrivialPredictor().binary(target, positive).double(), theirs, atol=1e-5, rtol=1e-5)


def test_the_mean_is_the_best_constant_for_squared_error():
    target = torch.randn(64, 3, generator=GENERATOR) * 5 + 100
    theirs = best_constant(lambda z: F.mse_loss(z.expand(64, 3), target.double()), torch.full((3,), 90.0))
    torch.testing.assert_close(TrivialPredictor().squared(target).double(), theirs, atol=1e-6, rtol=1e-6)


def test_the_median_is_the_best_constant_for_absolute_error():
    target = torch.randn(41, 1, generator=GENERATOR)
    theirs = min(F.l1_loss(constant.expand(41, 1), target) for constant in target)
    torch.testing.assert_close(TrivialPredictor().deviation(target).float(), theirs)


def test_batches_add_up_to_the_whole():
    target = torch.randn(60, 2, generator=GENERATOR)
    labels = torch.arange(60) % 7
    whole, parts = TrivialPredictor(), TrivialPredictor()
    classes, class_parts = TrivialPredictor(), TrivialPredictor()
    for i in range(0, 60, 20):
        squared, entropy = parts.squared(target[i:i + 20]), class_parts.classes(labels[i:i + 20], 7)
    torch.testing.assert_close(squared, whole.squared(target))
    torch.testing.assert_close(entropy, classes.classes(labels, 7))
