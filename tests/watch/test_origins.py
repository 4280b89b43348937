"""A trainer is an installed package here: a file in a folder of that name."""

import importlib.util

import pytest
import torch
from torch import nn

import gradwell

TRAINER = """
def fit(model, losses, steps=4):
    optimizer = __import__("torch").optim.SGD(model.parameters(), 0.1)
    for step in range(steps):
        optimizer.zero_grad()
        losses(model).backward()
        optimizer.step()
"""


@pytest.fixture
def trainer(tmp_path):
    path = tmp_path / "site-packages" / "trainer" / "loop.py"
    path.parent.mkdir(parents=True)
    path.write_text(TRAINER)
    spec = importlib.util.spec_from_file_location("trainer_loop", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cross_entropy(model):
    return nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.arange(8) % 3)


def by_hand(model):
    return (model(torch.randn(8, 4)) - torch.randn(8, 3)).square().mean()


def test_a_loss_that_a_trainer_calls_backward_on_is_where_the_user_computed_it(trainer):
    with gradwell.watch() as run:
        trainer.fit(nn.Linear(4, 3), cross_entropy)
    site, = run.record.sites("loss")
    assert (site.file, site.line) == (__file__, cross_entropy.__code__.co_firstlineno + 1)


def test_a_loss_that_no_function_of_torchs_computed_is_where_the_trainer_was_called(trainer):
    with gradwell.watch() as run:
        trainer.fit(nn.Linear(4, 3), by_hand)
    site, = run.record.sites("loss")
    assert site.file == __file__
    assert site.line > by_hand.__code__.co_firstlineno + 1


def test_a_loss_that_the_user_calls_backward_on_is_there():
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with gradwell.watch(model, optimizer) as run:
        loss = cross_entropy(model)
        loss.backward()
        optimizer.step()
    site, = run.record.sites("loss")
    assert site.file == __file__
    assert site.line > by_hand.__code__.co_firstlineno + 1
