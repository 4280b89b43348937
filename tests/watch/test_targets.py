"""What is read of targets, and of the logarithms in a loss, against the tensors themselves."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gradwell.watch.logarithms import logarithms, measure
from gradwell.watch.loss import terms
from gradwell.watch.targets import Targets

torch.manual_seed(0)
X, REAL, CLASSES = torch.randn(12, 5), 3 * torch.randn(12, 1) + 1, torch.arange(12) % 3
ONE_HOT, YES = F.one_hot(CLASSES, 3).float(), (torch.arange(12) % 2).float()[:, None]
THREE, ONE, BATCHES = nn.Linear(5, 3), nn.Linear(5, 1), nn.Linear(5, 3)(torch.randn(4, 7, 5))


def numbers(*losses):
    """What is put for each loss of one term, one after the other; the last reading of each signal."""
    put = {}
    targets = Targets(lambda signal, site, step, value: put.update({signal: float(value)}))
    for step, loss in enumerate(losses):
        targets.look(terms(loss.grad_fn)[0], 1, step)
    return put


def read(loss):
    """The facts of a loss of one term."""
    (term,) = terms(loss.grad_fn)
    return term.facts()


def test_targets_and_predictions_are_described_by_their_own_mean_and_spread():
    seen = numbers(F.mse_loss(ONE(X), REAL))
    expected = {"target_least": REAL.min(), "target_most": REAL.max(), "target_mean": REAL.mean(), "target_std": REAL.std(correction=0),
                "prediction_mean": ONE(X).mean(), "prediction_std": ONE(X).std(correction=0), "head_input": X.square().mean().sqrt()}
    assert seen == pytest.approx({name: float(value.detach()) for name, value in expected.items()}, rel=1e-4)


def test_what_a_sigmoid_cannot_reach_is_the_least_squared_error_it_leaves():
    seen = numbers(F.mse_loss(ONE(X).sigmoid(), REAL))
    floor = (REAL - REAL.clamp(0, 1)).square().mean()
    assert seen["shortfall"] == pytest.approx(float(floor / (floor + REAL.var(correction=0))), rel=1e-4)
    assert seen["unreachable"] == pytest.approx(float(((REAL < -0.05) | (REAL > 1.05)).float().mean()))


@pytest.mark.parametrize("head", [torch.sigmoid, lambda z: torch.relu(z), lambda z: F.softmax(z, 0)])
def test_targets_within_the_range_are_reachable(head):
    seen = numbers(F.mse_loss(head(ONE(X)), YES))
    assert seen["unreachable"] == seen["shortfall"] == 0


def test_a_scaled_activation_has_no_known_bounds():
    assert "unreachable" not in numbers(F.mse_loss(10 * ONE(X).tanh(), REAL))


def test_nothing_is_said_of_two_computed_sides():
    assert numbers(F.mse_loss(ONE(X).relu(), ONE(X + 1))) == {}


def test_class_ids_are_counted_over_the_run():
    seen = numbers(F.cross_entropy(THREE(X), CLASSES), F.cross_entropy(THREE(X), torch.full((12,), 2)))
    assert (seen["classes_seen"], seen["labels_seen"]) == (3, 24)
    assert numbers(F.cross_entropy(THREE(X), torch.zeros(12, dtype=torch.long)))["classes_seen"] == 1


def test_several_right_classes_under_softmax_are_seen():
    several = ONE_HOT.clone()
    several[:3] = 1
    assert numbers(F.cross_entropy(THREE(X), several))["many_hot"] == 0.25
    assert numbers(F.cross_entropy(THREE(X), ONE_HOT))["many_hot"] == 0
    assert numbers(F.cross_entropy(THREE(X), THREE(X).softmax(1).detach()))["many_hot"] == 0


def test_softmax_down_the_examples_is_told_from_softmax_along_the_classes():
    flat, words = (BATCHES.flatten(0, 1), torch.arange(28) % 3)
    assert read(F.nll_loss(F.log_softmax(THREE(X), 0), CLASSES))["across_examples"]
    assert read(F.nll_loss(F.softmax(THREE(X), 0).log(), CLASSES))["across_examples"]
    assert read(F.mse_loss(F.softmax(THREE(X), 0), ONE_HOT))["across_examples"]
    assert read(F.nll_loss(F.log_softmax(BATCHES, 1).flatten(0, 1), words))["across_examples"]
    for sound in (F.nll_loss(F.log_softmax(THREE(X), 1), CLASSES), F.nll_loss(F.log_softmax(BATCHES, -1).flatten(0, 1), words),
                  F.nll_loss(F.log_softmax(flat.t(), 0).t(), words), F.mse_loss(F.softmax(THREE(X), 0), torch.rand(12, 3)),
                  F.nll_loss(F.log_softmax(THREE(X) @ torch.randn(3, 12), 0), torch.arange(12))):
        assert not read(sound)["across_examples"]


def test_the_layer_below_and_a_mask_above_a_loss_are_seen():
    plain = read(F.binary_cross_entropy_with_logits(THREE(X), ONE_HOT))
    masked = read((F.binary_cross_entropy_with_logits(THREE(X), ONE_HOT, reduction="none") * ONE_HOT).sum())
    assert (plain["masked"], plain["reduced"], plain["units"]) == (False, True, 3)
    assert (masked["masked"], masked["reduced"]) == (True, False)
    assert read(F.cross_entropy(THREE(X) @ torch.randn(3, 9), CLASSES))["units"] is None


def test_a_divergence_of_probabilities_is_told_from_one_of_their_logarithms():
    target = torch.rand(12, 3).softmax(1)
    assert read(F.kl_div(F.softmax(THREE(X), 1), target, reduction="batchmean"))["loss"] == "kl_div"
    assert read(F.kl_div(F.log_softmax(THREE(X), 1), target, reduction="batchmean"))["loss"] == "soft_cross_entropy"


LOGARITHMS = {
    "raw": (lambda: -(YES * ONE(X).log()).mean(), "layer", False, True),
    "clamped": (lambda: -(YES * ONE(X).clamp(1e-6, 1).log()).mean(), "layer", True, True),
    "of sigmoid": (lambda: -(YES * ONE(X).sigmoid().log()).mean(), "Sigmoid", False, True),
    "of 1 - sigmoid": (lambda: -torch.log(1 - ONE(X).sigmoid()).mean(), "Sigmoid", False, False),
    "of softmax plus epsilon": (lambda: -(ONE_HOT * (THREE(X).softmax(1) + 1e-8).log()).sum(1).mean(), "Softmax", True, True),
    "of softmax, picked": (lambda: F.nll_loss(THREE(X).softmax(1).log(), CLASSES), "Softmax", False, True),
    "of a positive number": (lambda: F.softplus(ONE(X)).log().mean(), "Softplus", False, False),
}


@pytest.mark.parametrize("name", LOGARITHMS)
def test_what_a_logarithm_is_taken_of_is_seen(name):
    loss, of, guarded, picked = LOGARITHMS[name]
    (found,) = logarithms(loss().grad_fn)
    assert (found.operation, found.guarded, found.picked) == (of, guarded, picked)


def test_the_least_probability_and_the_share_of_raw_scores_that_are_none_are_measured():
    p, z = THREE(X).softmax(1).detach(), ONE(X).detach()
    ((signal, least),) = measure(logarithms(F.nll_loss(THREE(X).softmax(1).log(), CLASSES).grad_fn))
    assert signal.name == "log_least"
    torch.testing.assert_close(least, p.amin())
    ((signal, share),) = measure(logarithms((YES * ONE(X).clamp(1e-6, 0.5).log()).sum().grad_fn))
    assert signal.name == "log_beyond"
    torch.testing.assert_close(share, ((z <= 0) | (z > 0.5)).float().mean())


def test_a_logarithm_inside_an_error_of_numbers_is_left_alone():
    assert logarithms(((ONE(X).clamp(0) + 1).log() - REAL.abs().log()).square().mean().grad_fn) == []
