"""Forward passes without gradients: seen where the user's own code makes them, and told by the model's mode."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks

import gradwell
from gradwell.doctor import signals

X, Y = torch.randn(16, 4), torch.arange(16) % 2


def net(*parts):
    return nn.Sequential(nn.Linear(4, 8), *parts, nn.Linear(8, 2))


def modes(model, evaluate, epochs=3, steps=4):
    """Train, evaluating after every epoch; what was noted of each evaluation."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with gradwell.watch(model, optimizer, every=1) as session:
        for _ in range(epochs):
            model.train()
            for _ in range(steps):
                optimizer.zero_grad()
                F.cross_entropy(model(X), Y).backward()
                optimizer.step()
            evaluate(model)
    assert session.record.meta("probes_off") == {}
    assert not hooks._global_forward_pre_hooks
    return [value for site in session.record.sites("model") for _, value in session.record.series(signals.EVALUATED.name, site)]


def block(model):
    with torch.no_grad():
        for _ in range(3):
            model(X)


@torch.no_grad()
def decorated(model):
    model(X)


def inference(model):
    with torch.inference_mode():
        model(X)


def with_gradients(model):
    model(X)


@pytest.mark.parametrize("evaluate", [block, decorated, inference])
def test_each_evaluation_in_training_mode_is_noted_once(evaluate):
    assert modes(net(nn.Dropout(0.5)), evaluate) == [1, 1, 1]


def test_in_eval_mode_it_is_noted_as_such():
    assert modes(net(nn.BatchNorm1d(8)), lambda model: block(model.eval())) == [0, 0, 0]


def test_a_model_without_parts_to_which_the_mode_matters_is_never_wrong():
    assert modes(net(nn.ReLU()), block) == [0, 0, 0]
    assert modes(net(nn.Dropout(0.0)), block) == [0, 0, 0]


def test_what_runs_with_gradients_or_is_no_trained_model_is_no_evaluation():
    assert modes(net(nn.Dropout(0.5)), with_gradients) == []
    other = net(nn.Dropout(0.5))
    assert modes(net(nn.Dropout(0.5)), lambda _: block(other)) == []


def test_torchs_own_blocks_without_gradients_are_left_alone():
    model = net(nn.Dropout(0.5))
    assert modes(model, lambda model: nn.init.normal_(model[0].weight)) == []
