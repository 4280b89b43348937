"""A check-up names what is wrong before training, and leaves everything as it was."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

import gradwell
from gradwell.doctor.catalogue import catalogue
from gradwell.errors import OptionError
from tests.watched import same_bits


class Reads(nn.Module):
    """A recurrent layer whose last step is read."""

    def __init__(self, batch_first):
        super().__init__()
        self.rnn, self.out = nn.GRU(6, 16, batch_first=batch_first), nn.Linear(16, 3)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class Mixes(nn.Module):
    """A layer that is fed a view in place of a transpose."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        return self.out(x.t().reshape(x.shape))


def dense(*more):
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3), *more)


def tried(model, loss=nn.functional.cross_entropy, x=None, y=None):
    x = torch.randn(24, 6) if x is None else x
    y = torch.arange(24) % 3 if y is None else y
    result = gradwell.check(model, loss, torch.optim.Adam(model.parameters(), lr=0.01), (x, y))
    return result, {check.name: check.passed for check in result.checks}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_a_sound_model_passes_every_check():
    result, passed = tried(dense())
    assert result.passed
    assert set(passed.values()) == {True}
    assert result.findings == ()


def test_a_batch_whose_axes_are_mixed_up_by_a_view_is_found():
    assert tried(Mixes())[1]["examples are independent"] is False


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_recurrent_layer_that_takes_the_batch_for_time_is_found(batch_first):
    _, passed = tried(Reads(batch_first), x=torch.randn(24, 5, 6))
    assert passed["examples are independent"] is batch_first


def test_batch_normalisation_mixes_no_examples():
    assert tried(nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3)))[0].passed


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_language_model_that_sees_the_next_token_is_found(bidirectional):
    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(20, 8)
            self.rnn = nn.GRU(8, 8, batch_first=True, bidirectional=bidirectional)
            self.out = nn.Linear(16 if bidirectional else 8, 20)

        def forward(self, x):
            return self.out(self.rnn(self.embedding(x))[0])

    tokens = torch.randint(20, (12, 7))
    _, passed = tried(Language(), lambda out, y: nn.functional.cross_entropy(out.transpose(1, 2), y), tokens[:, :-1], tokens[:, 1:])
    assert passed["steps in time"] is not bidirectional
    assert passed["examples are independent"] is True


def test_outputs_that_ignore_the_input_are_found():
    model = dense()
    nn.init.zeros_(model[3].weight)
    nn.init.constant_(model[0].bias, -100.0)
    _, passed = tried(model)
    assert passed["input matters"] is False
    assert passed["learns one batch by heart"] is False


def test_a_broken_contract_is_named_with_its_code():
    result, passed = tried(dense(nn.Softmax(1)))
    assert [f.code for f in result.findings] == ["GW302"]
    assert not result.passed
    assert "GW302" in str(result)
    assert passed["learns one batch by heart"] is False


def test_a_first_loss_far_above_the_trivial_predictors_is_found():
    model = dense()
    nn.init.constant_(model[3].bias, 0.0)
    with torch.no_grad():
        model[3].weight *= 100
    assert tried(model)[1]["loss before training"] is False


def test_a_signal_that_dies_on_the_way_up_is_found():
    model = nn.Sequential(*[part for _ in range(8) for part in (nn.Linear(6, 6), nn.Tanh())], nn.Linear(6, 3))
    for module in model:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.05)
    assert tried(model)[1]["signal through depth"] is False


def test_a_loss_that_depends_on_nothing_is_found():
    _, passed = tried(dense(), loss=lambda out, y: nn.functional.cross_entropy(out.detach(), y))
    assert passed["learns one batch by heart"] is False


def test_inputs_may_be_a_list_or_have_names_and_outputs_may_be_packed():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(6, 3)

        def forward(self, a, b):
            return {"logits": self.out(a + b)}

    def loss(out, y):
        return nn.functional.cross_entropy(out["logits"], y)

    x = torch.randn(24, 6)
    for inputs in ([x, x], {"a": x, "b": x}):
        assert tried(Two(), loss, inputs)[1]["examples are independent"] is True


def test_everything_is_afterwards_what_it_was():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(24, 6), torch.arange(24) % 3

    def loss(out, target):
        return nn.functional.cross_entropy(out, target) + 0.01 * model[0].weight.square().sum()  # refers to the user's own model

    loss(model(x), y).backward()
    optimizer.step()
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()["state"], [p.grad for p in model.parameters()]))
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    gradwell.check(model, loss, optimizer, (x, y))
    after = model.state_dict(), optimizer.state_dict()["state"], [p.grad for p in model.parameters()]
    assert all(same_bits(a, b) for a, b in zip(before[0].values(), after[0].values(), strict=True))
    assert all(same_bits(a, b) for k in before[1] for a, b in zip(before[1][k].values(), after[1][k].values(), strict=True))
    assert all(same_bits(a, b) for a, b in zip(before[2], after[2], strict=True))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == random.getstate()
    assert (states[2] == np.random.get_state()[1]).all()
    assert model[2].p == 0.5
    assert model.training


@pytest.mark.parametrize("batch", [torch.ones(3), (torch.ones(3, 6),), "x"])
def test_a_batch_that_is_no_pair_is_refused(batch):
    with pytest.raises(OptionError, match="pair"):
        gradwell.check(dense(), nn.functional.cross_entropy, torch.optim.SGD(dense().parameters(), lr=0.1), batch)


def test_a_loss_that_is_no_scalar_is_refused():
    with pytest.raises(OptionError, match="scalar"):
        tried(dense(), loss=lambda out, _: out)


@pytest.mark.parametrize("code", ["GW302", "GW303", "GW304", "GW306", "GW307"])
def test_the_contracts_of_the_catalogue_are_seen_before_training(code):
    run = next(r for r in catalogue() if r.code == code).example(sick=True)
    result = gradwell.check(run.model, run.loss, run.optimizer, next(iter(run.batches)))
    assert code in {f.code for f in result.findings}
