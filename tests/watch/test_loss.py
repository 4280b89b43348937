"""What is read of a loss, for modules and functional code alike, against torch's own losses."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gradwell.watch.loss import describe, measure, terms
from gradwell.watch.trivial import TrivialPredictor

torch.manual_seed(0)
X, IMAGES, SEQUENCES = torch.randn(12, 5), torch.randn(4, 2, 6, 6), torch.randn(4, 7, 5)
CLASSES, PIXELS, WORDS = torch.arange(12) % 3, torch.arange(144).reshape(4, 6, 6) % 3, torch.arange(28).reshape(4, 7) % 3
YES, REAL = (torch.arange(12) % 2).float(), torch.randn(12)
ONE_HOT = F.one_hot(CLASSES, 3).float()
THREE, ONE, CONV, DEEP = nn.Linear(5, 3), nn.Linear(5, 1), nn.Conv2d(2, 3, 1), nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))


def read(loss):
    """The facts of every term of a loss."""
    return [term.facts() for term in terms(loss.grad_fn)]


def read_one(loss):
    """The facts of a loss of one term."""
    (facts,) = read(loss)
    return facts


def measured(loss):
    """TERM_LOSS and TRIVIAL_LOSS of a loss of one term."""
    (term,) = terms(loss.grad_fn)
    return measure(term, TrivialPredictor())


CROSS_ENTROPIES = {
    "functional": lambda z: F.cross_entropy(z, CLASSES),
    "module": lambda z: nn.CrossEntropyLoss()(z, CLASSES),
    "log_softmax and nll": lambda z: nn.NLLLoss()(nn.LogSoftmax(1)(z), CLASSES),
    "log of softmax and nll": lambda z: F.nll_loss(F.softmax(z, 1).log(), CLASSES),
    "summed": lambda z: F.cross_entropy(z, CLASSES, reduction="sum"),
    "by example": lambda z: F.cross_entropy(z, CLASSES, reduction="none").mean(),
    "a quarter, for accumulation": lambda z: F.cross_entropy(z, CLASSES) / 4,
    "scaled for mixed precision": lambda z: F.cross_entropy(z, CLASSES) * 65536.0,
    "one-hot targets": lambda z: F.cross_entropy(z, ONE_HOT),
    "written out": lambda z: -(ONE_HOT * F.log_softmax(z, 1)).sum(1).mean(),
    "written out with log": lambda z: -(ONE_HOT * F.softmax(z, 1).log()).sum(1).mean(),
    "indexed": lambda z: -F.log_softmax(z, 1)[torch.arange(12), CLASSES].mean(),
    "gathered": lambda z: -F.log_softmax(z, 1).gather(1, CLASSES[:, None]).mean(),
}


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_every_cross_entropy_is_measured_as_torchs_mean_loss(name):
    term, trivial = measured(CROSS_ENTROPIES[name](THREE(X)))
    torch.testing.assert_close(term, F.cross_entropy(THREE(X), CLASSES).detach())
    torch.testing.assert_close(trivial.float(), torch.tensor(3.0).log())


ERRORS = {
    "mse module": (lambda p, t: nn.MSELoss()(p, t), F.mse_loss),
    "mse summed": (lambda p, t: F.mse_loss(p, t, reduction="sum"), F.mse_loss),
    "squared by **": (lambda p, t: ((p - t) ** 2).mean(), F.mse_loss),
    "squared, reversed": (lambda p, t: ((t - p) ** 2).mean(), F.mse_loss),
    "squared by torch.square": (lambda p, t: torch.square(p - t).mean(), F.mse_loss),
    "squared by *": (lambda p, t: ((p - t) * (p - t)).mean(), None),
    "root": (lambda p, t: F.mse_loss(p, t).sqrt(), F.mse_loss),
    "l1 functional": (F.l1_loss, F.l1_loss),
    "l1 module": (lambda p, t: nn.L1Loss()(p, t), F.l1_loss),
    "absolute": (lambda p, t: (t - p).abs().mean(), F.l1_loss),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("net", [ONE, DEEP], ids=["one layer", "two layers"])
@pytest.mark.parametrize("flat", [False, True], ids=["column", "flat"])
def test_every_error_of_a_number_is_measured_as_torchs_mean_loss(name, net, flat):
    mine, oracle = ERRORS[name]
    output, target = (net(X).squeeze(1), REAL) if flat else (net(X), REAL[:, None])
    found = terms(mine(output, target).grad_fn)
    if oracle is None:  # p - t was computed twice: nothing is claimed
        assert found == []
        return
    term, trivial = measure(found[0], TrivialPredictor())
    torch.testing.assert_close(term, oracle(output, target).detach())
    best = REAL.var(correction=0) if oracle is F.mse_loss else (REAL - REAL.median()).abs().mean()
    torch.testing.assert_close(trivial.float(), best)


def test_images_and_sequences_are_measured_with_ignored_places_left_out():
    pixels = PIXELS.clone()
    pixels[0, :3] = -100
    term, _ = measured(F.cross_entropy(CONV(IMAGES), pixels))
    torch.testing.assert_close(term, F.cross_entropy(CONV(IMAGES), pixels).detach())
    term, _ = measured(F.nll_loss(F.log_softmax(CONV(IMAGES), 1), PIXELS))
    torch.testing.assert_close(term, F.cross_entropy(CONV(IMAGES), PIXELS).detach())
    term, _ = measured(F.cross_entropy(THREE(SEQUENCES).transpose(1, 2), WORDS))
    torch.testing.assert_close(term, F.cross_entropy(THREE(SEQUENCES).flatten(0, 1), WORDS.flatten()).detach())


def test_binary_cross_entropies_are_measured_as_torchs_mean_loss():
    oracle = F.binary_cross_entropy_with_logits(ONE(X), YES[:, None]).detach()
    for loss in (F.binary_cross_entropy(ONE(X).sigmoid(), YES[:, None]), nn.BCELoss(reduction="sum")(ONE(X).sigmoid()[:, 0], YES),
                 F.binary_cross_entropy_with_logits(ONE(X)[:, 0], YES)):
        term, trivial = measured(loss)
        torch.testing.assert_close(term, oracle)
        torch.testing.assert_close(trivial.float(), torch.tensor(2.0).log())


def test_class_weights_weigh_as_in_torch():
    weight = torch.tensor([1.0, 2.0, 3.0])
    term, _ = measured(F.cross_entropy(THREE(X), CLASSES, weight=weight))
    torch.testing.assert_close(term, F.cross_entropy(THREE(X), CLASSES, weight=weight).detach())


DOUBLE = {
    "functional": lambda: F.cross_entropy(F.softmax(THREE(X), 1), CLASSES),
    "module": lambda: nn.CrossEntropyLoss()(nn.Sequential(THREE, nn.Softmax(1))(X), CLASSES),
    "one-hot targets": lambda: F.cross_entropy(THREE(X).softmax(1), ONE_HOT),
    "reshaped between": lambda: F.cross_entropy(F.softmax(THREE(SEQUENCES), -1).view(-1, 3), WORDS.flatten()),
    "masked between": lambda: F.cross_entropy(F.softmax(THREE(SEQUENCES), -1)[WORDS > 0], WORDS[WORDS > 0]),
    "step by step": lambda: F.cross_entropy(
        torch.stack([F.softmax(THREE(SEQUENCES[:, t]), 1) for t in range(7)], 1).flatten(0, 1), WORDS.flatten()),
    "images": lambda: F.cross_entropy(F.softmax(CONV(IMAGES), 1), PIXELS),
    "half precision": lambda: F.cross_entropy(F.softmax(THREE(X).bfloat16(), 1).float(), CLASSES),
    "accumulated": lambda: F.cross_entropy(F.softmax(THREE(X), 1), CLASSES) / 4,
}


@pytest.mark.parametrize("name", DOUBLE)
def test_a_softmax_before_the_losss_own_is_seen(name):
    facts = read_one(DOUBLE[name]())
    assert facts["operations"][:2] == ["LogSoftmax", "Softmax"]
    assert facts["softmax_sizes"] == [3, 3]


def test_what_stands_between_two_softmaxes_is_named():
    assert read_one(F.cross_entropy(F.softmax(THREE(X), 1).log(), CLASSES))["operations"] == ["LogSoftmax", "Log", "Softmax"]
    assert read_one(F.cross_entropy(10 * F.softmax(THREE(X), 1), CLASSES))["operations"] == ["LogSoftmax", "Mul", "Softmax"]
    assert read_one(F.cross_entropy(F.log_softmax(THREE(X), 1), CLASSES))["operations"] == ["LogSoftmax", "LogSoftmax"]


def test_terms_that_are_added_up_are_read_apart():
    loss = F.mse_loss(ONE(X), REAL[:, None]) + 0.5 * F.cross_entropy(THREE(X), CLASSES) + 1e-3 * THREE.weight.square().sum()
    assert [facts["loss"] for facts in read(loss)] == ["mse", "nll"]


BROADCAST = {
    "mse": lambda p, t: F.mse_loss(p, t),
    "mse module": lambda p, t: nn.MSELoss()(p, t),
    "l1": F.l1_loss,
    "smooth l1": F.smooth_l1_loss,
    "huber": F.huber_loss,
    "written out": lambda p, t: ((p - t) ** 2).mean(),
    "written out, reversed": lambda p, t: ((t - p) ** 2).mean(),
    "absolute": lambda p, t: (p - t).abs().mean(),
}


@pytest.mark.parametrize("name", BROADCAST)
@pytest.mark.parametrize("column", [True, False], ids=["(N, 1) against (N,)", "(N,) against (N, 1)"])
def test_prediction_and_target_repeated_against_each_other_are_seen(name, column):
    output, target = (DEEP(X), REAL) if column else (DEEP(X)[:, 0], REAL[:, None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of some of these itself
        facts = read_one(BROADCAST[name](output, target))
    assert facts["both_broadcast"]
    assert (facts["prediction_shape"], facts["target_shape"]) == (([1], []) if column else ([], [1]))


MEANT = {
    "same shape": lambda: F.mse_loss(ONE(X), REAL[:, None]),
    "one row for all": lambda: ((THREE(X) - torch.randn(1, 3)) ** 2).mean(),
    "one target vector": lambda: ((THREE(X) - torch.randn(3)) ** 2).mean(),
    "every pair, written out": lambda: ((THREE(X)[:, None] - torch.randn(1, 4, 3)) ** 2).sum(-1).mean(),
    "every pair": lambda: F.mse_loss(*torch.broadcast_tensors(THREE(X)[:, None], torch.randn(1, 4, 3))),
    "a column against a full table": lambda: ((ONE(X) - torch.randn(12, 12)) ** 2).mean(),
    "points against a grid": lambda: ((ONE(X) - torch.linspace(0, 1, 7)) ** 2).mean(),
    "a batch of one": lambda: ((ONE(X[:1]) - REAL[:1]) ** 2).mean(),
}


@pytest.mark.parametrize("name", MEANT)
def test_broadcasting_that_is_meant_is_no_fault(name):
    assert not any(facts["both_broadcast"] for facts in read(MEANT[name]()))


def test_scores_that_are_no_logarithms_of_probabilities_are_told_from_those_that_are():
    raw, likely = read_one(F.nll_loss(THREE(X), CLASSES)), read_one(F.nll_loss(F.softmax(THREE(X), 1), CLASSES))
    assert raw["above_zero"]
    assert likely["above_zero"]
    assert not raw["normalized"]
    sound = read_one(F.nll_loss(F.log_softmax(CONV(IMAGES), 1), PIXELS))
    assert not sound["above_zero"]
    assert sound["normalized"]
    by_hand = read_one(-(ONE_HOT * THREE(X).clamp(1e-8, 1).log()).sum(1).mean())
    assert by_hand["operations"] == ["Log", "Clamp"]
    assert by_hand["normalized"] is False


def test_the_size_of_a_single_unit_softmax_is_seen():
    assert read_one(F.binary_cross_entropy(ONE(X).softmax(1), YES[:, None]))["softmax_sizes"] == [1]
    assert read_one(F.cross_entropy(ONE(X), torch.zeros(12, dtype=torch.long)))["softmax_sizes"] == [1]


def test_targets_are_described():
    assert describe(CLASSES) == "classes"
    assert describe(ONE_HOT) == "one-hot"
    assert describe(YES) == describe(YES[:, None]) == "binary"
    assert describe(torch.ones(4, 3)) == "many binary"
    assert describe(REAL) == "real"
    assert read_one(((THREE(X).softmax(1) - ONE_HOT) ** 2).mean())["target"] == "one-hot"
    assert read_one(F.l1_loss(DEEP(X).sigmoid(), YES[:, None]))["target"] == "binary"


def test_probabilities_that_are_no_numbers_say_nothing_of_their_sum():
    z = torch.full((6, 3), -500.0, requires_grad=True)
    p = z.exp() / z.exp().sum(1, keepdim=True)
    loss = -p.log()[torch.arange(6), torch.arange(6) % 3].mean()
    (term,) = terms(loss.grad_fn)
    assert term.normalized() is None
