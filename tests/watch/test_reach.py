"""Which weights a gradient ever reaches, and which modules ran in training all the same."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks

import gradwell
from gradwell.doctor import signals

X, Y = torch.randn(16, 4), torch.arange(16) % 2


class Net(nn.Module):
    """A body, a head, and a part that nobody calls; the gradient may be made to stop between body and head."""

    def __init__(self, cut=False, frozen=False):
        super().__init__()
        self.body, self.head, self.spare = nn.Linear(4, 8), nn.Linear(8, 2), nn.Linear(8, 2)
        self.cut = cut
        self.body.requires_grad_(not frozen)

    def forward(self, x):
        h = self.body(x).relu()
        return self.head(h.detach() if self.cut else h)


def reached(model, steps=4, loss=F.cross_entropy, every=1):
    """Train; the last that was told of each module, by name."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with gradwell.watch(model, optimizer, every=every) as session:
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(X), Y).backward()
            optimizer.step()
    assert session.record.meta("probes_off") == {}
    assert not hooks._global_forward_pre_hooks
    told = [fact for site in session.record.sites("model") for _, fact in session.record.facts(signals.REACH.name, site)]
    return {module["module"]: module for module in told[-1]["modules"]} if told else {}


def test_all_that_a_gradient_reaches_is_no_news():
    assert reached(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))) == {}


@pytest.mark.parametrize("every", [1, 100])
def test_a_cut_is_seen_between_a_module_that_ran_and_one_that_learned(every):
    seen = reached(Net(cut=True), every=every)
    assert not seen["body"]["reached"]
    assert seen["head"]["reached"]
    assert seen["body"]["ran"] < seen["head"]["ran"]
    assert seen["body"]["idle"] == seen["body"]["numbers"] == 40


def test_a_module_that_nobody_calls_never_ran():
    seen = reached(Net())
    assert seen["body"]["reached"]
    assert not seen["spare"]["reached"]
    assert seen["spare"]["ran"] is None


def test_frozen_weights_do_not_wait_for_a_gradient():
    seen = reached(Net(frozen=True))
    assert seen["body"]["frozen"]
    assert seen["body"]["idle"] == 0


def test_weights_that_are_reached_later_on_are_told_again():
    model = Net(cut=True)

    def loss(output, target):
        model.cut = loss.calls < 4
        loss.calls += 1
        return F.cross_entropy(output, target)

    loss.calls = 0
    seen = reached(model, steps=12, loss=loss)
    assert seen["body"]["reached"]
    assert seen["body"]["idle"] == 0


def test_a_loss_without_history_is_noted_at_each_backward():
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with gradwell.watch(model, optimizer, every=1) as session:
        for _ in range(5):
            optimizer.zero_grad()
            loss = torch.tensor(F.cross_entropy(model(X), Y).item(), requires_grad=True)
            loss.backward()
            optimizer.step()
    (site,) = session.record.sites("loss")
    assert [step for step, _ in session.record.series(signals.ROOTLESS.name, site)] == [1, 2, 3, 4, 5]
    assert [f.code for f in session.findings() if f.severity == "error"] == ["GW206"]


def test_a_cut_between_two_models_is_found():
    encoder, head = nn.Linear(4, 8), nn.Linear(8, 2)
    optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
    with gradwell.watch(encoder, head, optimizer, every=1) as session:
        for _ in range(6):
            optimizer.zero_grad()
            F.cross_entropy(head(torch.tensor(encoder(X).tolist())), Y).backward()
            optimizer.step()
    (found,) = [f for f in session.findings() if f.code == "GW206"]
    assert "forward pass goes through them; it ends at" in found.title


def test_an_optimizer_that_holds_another_copy_of_the_model_is_found():
    held, model = Net(), nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(held.parameters(), lr=0.1)
    with gradwell.watch(held, optimizer, every=1) as session:
        for _ in range(8):
            optimizer.zero_grad()
            F.cross_entropy(model(X), Y).backward()
            optimizer.step()
    assert "GW208" in {f.code for f in session.findings()}
