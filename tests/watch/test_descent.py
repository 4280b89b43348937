"""Which way updates go, what each sign between a loss and backward() does, and clipping of scaled gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gradwell
from gradwell.doctor import signals
from gradwell.watch.loss import terms

X, Y = torch.randn(16, 3, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2


def train(change=None, steps=4, every=1, clip=None, **options):
    """Watch a few steps of gradient descent; `change` is applied to the gradients before each update."""
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, **options)
    scaler = torch.amp.GradScaler("cpu", enabled=clip is not None)
    with gradwell.watch(model, optimizer, every=every) as session:
        for _ in range(steps):
            optimizer.zero_grad()
            scaler.scale(F.cross_entropy(model(X), Y)).backward()
            if clip is not None:
                clip(scaler, optimizer, model)
            for p in model.parameters():
                if change is not None:
                    p.grad.copy_(change(p.grad))
            scaler.step(optimizer)
            scaler.update()
    assert session.record.meta("probes_off") == {}
    return session.record


def values(record, signal):
    return [value for _, value in record.series(signal.name)]


@pytest.mark.parametrize(("options", "change", "cosine"), [
    ({}, None, -1), ({"maximize": True}, None, 1), ({}, torch.neg, 1), ({"maximize": True}, torch.neg, -1),
], ids=["descent", "maximize", "negated gradients", "both"])
def test_the_update_of_plain_gradient_descent_lies_along_the_gradient(options, change, cosine):
    assert values(train(change, **options), signals.DESCENT) == pytest.approx([cosine] * 4, abs=1e-4)


def test_the_update_is_looked_at_on_powers_of_two_whatever_else_is():
    assert [step for step, _ in train(steps=20, every=50).series(signals.UPDATE_RATIO.name)] == [1, 2, 4, 8, 16]


def test_weight_decay_pulls_as_hard_as_its_factor_times_the_weights():
    record = train(steps=1, weight_decay=0.5)
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    F.cross_entropy(model(X), Y).backward()
    assert values(record, signals.DECAY_PULL) == pytest.approx([(0.5 * model.weight.norm() / model.weight.grad.norm()).item()], rel=1e-4)


SIGNS = {
    "plain": (lambda loss: loss, 1), "negative": (lambda loss: -loss, -1), "times -1": (lambda loss: -1 * loss, -1),
    "divided by -1": (lambda loss: loss / -1, -1), "a quarter": (lambda loss: loss / 4, 1), "both": (lambda loss: -(-1 * loss), 1),
    "weighed by a reward": (lambda loss: loss * -2.5, 0),
}


@pytest.mark.parametrize("name", SIGNS)
def test_the_sign_with_which_a_loss_is_called_is_known(name):
    change, sign = SIGNS[name]
    layer = nn.Linear(3, 2)
    losses = [F.cross_entropy(layer(X), Y), -F.log_softmax(layer(X), 1).gather(1, Y[:, None]).mean(), ((layer(X) - 1) ** 2).mean()]
    assert [terms(change(loss).grad_fn)[0].sign for loss in losses] == [sign] * 3


def test_a_loss_that_is_taken_away_from_another_has_the_other_sign():
    layer = nn.Linear(3, 2)
    loss = F.cross_entropy(layer(X), Y) - F.mse_loss(layer(X), torch.zeros(16, 2))
    assert {term.loss: term.sign for term in terms(loss.grad_fn)} == {"nll": 1, "mse": -1}


def clip(unscale, factor=False):
    def cut(scaler, optimizer, model):
        if unscale:
            scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1 * (scaler.get_scale() if factor else 1.0))

    return cut


@pytest.mark.parametrize(("way", "flag"), [(clip(False), 1), (clip(True), 0), (clip(False, factor=True), 0)],
                         ids=["scaled", "unscaled", "scaled threshold"])
def test_clipping_of_scaled_gradients_is_seen(way, flag):
    assert values(train(clip=way), signals.SCALED_CLIP) == [flag] * 4
