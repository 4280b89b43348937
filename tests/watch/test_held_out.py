"""Losses that a script computes without gradients: each place's mean between two updates, and nothing else."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import gradwell
from gradwell.doctor import signals
from gradwell.watch import held_out

X, Y = torch.randn(30, 4), torch.arange(30) % 3
FUNCTIONS = {
    "cross_entropy": lambda z: F.cross_entropy(z, Y),
    "module": lambda z: nn.CrossEntropyLoss()(z, Y),
    "nll": lambda z: F.nll_loss(z.log_softmax(1), Y),
    "mse": lambda z: F.mse_loss(z[:, 0], Y.float()),
    "l1": lambda z: F.l1_loss(z[:, 0], Y.float()),
    "smooth_l1": lambda z: F.smooth_l1_loss(z[:, 0], Y.float()),
    "huber": lambda z: F.huber_loss(z[:, 0], Y.float()),
    "bce": lambda z: F.binary_cross_entropy(z[:, 0].sigmoid(), (Y > 0).float()),
    "bce_with_logits": lambda z: F.binary_cross_entropy_with_logits(z[:, 0], (Y > 0).float()),
}


def run(evaluate, epochs=3):
    """Train two steps and evaluate, again and again; returns the watched record."""
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with gradwell.watch(model, optimizer, every=1) as session:
        for _ in range(epochs):
            for _ in range(2):
                optimizer.zero_grad()
                F.cross_entropy(model(X), Y).backward()
                optimizer.step()
            evaluate(model)
    assert session.record.meta("probes_off") == {}
    return session.record


def heard(record):
    return [record.series(signals.HELD_OUT.name, site) for site in record.sites("evaluation")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_loss_of_torch_is_heard_with_its_value_and_step(name):
    values = []

    def evaluate(model):
        with torch.no_grad():
            values.append(float(FUNCTIONS[name](model(X))))

    (series,) = heard(run(evaluate))
    assert series == [(2 * i + 2, pytest.approx(value, rel=1e-5)) for i, value in enumerate(values)]


def test_the_batches_of_one_evaluation_are_averaged():
    means = []

    @torch.no_grad()
    def evaluate(model):
        losses = [F.cross_entropy(model(X[i:i + 10]), Y[i:i + 10]) for i in range(0, 30, 10)]
        means.append(float(torch.stack(losses).mean()))

    (series,) = heard(run(evaluate))
    assert [value for _, value in series] == pytest.approx(means)


def test_one_function_called_for_two_sets_is_two_places():
    def measure(model, x, y):
        with torch.inference_mode():
            return F.cross_entropy(model(x), y)

    def evaluate(model):
        measure(model, X[:20], Y[:20])
        measure(model, X[20:], Y[20:])

    assert len(heard(run(evaluate))) == 2


def test_losses_with_gradients_are_not_held_out():
    assert heard(run(lambda model: F.cross_entropy(model(X), Y))) == []


def test_what_the_probes_compute_themselves_is_not_heard():
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with gradwell.watch(model, optimizer, every=1) as session:
        for _ in range(3):  # this loss is looked at with torch's own function
            optimizer.zero_grad()
            F.binary_cross_entropy(model(X).sigmoid(), (Y[:, None] > 0).float()).backward()
            optimizer.step()
    assert heard(session.record) == []


def test_losses_inside_a_transform_or_without_values_are_left_alone():
    def evaluate(model):
        with torch.no_grad():
            torch.func.vmap(lambda x, y: F.mse_loss(x, y))(X, X)
            F.mse_loss(X.to("meta"), X.to("meta"))

    assert heard(run(evaluate)) == []


def test_torch_is_as_before_afterwards():
    before = [getattr(owner, name) for owner, name in held_out.FUNCTIONS]
    run(lambda model: None)
    assert [getattr(owner, name) for owner, name in held_out.FUNCTIONS] == before


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(4, 3)

    def forward(self, x, y):
        return F.cross_entropy(self.layer(x)[0].mean(1), y) + F.mse_loss(x, 2 * x)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_watched_functions_can_still_be_scripted():
    model = Recurrent()
    expected = model(X[:, None], Y)
    with gradwell.watch(model, torch.optim.SGD(model.parameters(), lr=0.1)):
        scripted = torch.jit.script(model)
        assert torch.equal(scripted(X[:, None], Y), expected)
    assert torch.equal(torch.jit.script(Recurrent().requires_grad_(False))(X[:, None], Y).isfinite(), torch.tensor(True))
