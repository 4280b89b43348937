"""What is read around an optimizer's step: old gradients, orphans, the mode, and the size of the update."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gradwell
from gradwell.doctor import signals
from gradwell.watch.optimizers import is_uniform, is_wrongly_in_eval

X, Y = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2


class Net(nn.Module):
    """Two layers, of which the first may be kept where model.parameters() does not find it."""

    def __init__(self, hide=lambda layer: layer):
        super().__init__()
        self.first, self.last = hide(nn.Linear(3, 32)), nn.Linear(32, 2)

    def forward(self, x):
        first = self.first
        while not isinstance(first, nn.Module):
            first = first["layer"] if isinstance(first, dict) else first[0]
        return self.last(first(x).relu())


def train(steps, body, *watched):
    """Watch a body that is called with each step's number."""
    with gradwell.watch(*watched, every=1) as session:
        for step in range(steps):
            body(step)
    assert session.record.meta("probes_off") == {}
    return session.record


def values(record, signal, site=None):
    return [value for _, value in record.series(signal.name, site)]


def hows(record):
    """Why each orphan of the last step is one."""
    return {site.module: list(record.facts(signals.ORPHAN.name, site))[-1][1]["how"]
            for site in record.sites("parameter") if list(record.facts(signals.ORPHAN.name, site))}


def stale(clear_first=True, clear_after=False, passes=1, set_to_none=True):
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def body(_):
        if clear_first:
            optimizer.zero_grad(set_to_none=set_to_none)
        for _ in range(passes):
            (F.cross_entropy(model(X), Y) / passes).backward()
        optimizer.step()
        if clear_after:
            optimizer.zero_grad()

    return values(train(5, body, model, optimizer), signals.STALE_GRADIENT)


def test_gradients_that_are_never_cleared_are_seen_from_the_second_update_on():
    assert stale(clear_first=False) == [1, 1, 1, 1]


@pytest.mark.parametrize("way", [{}, {"clear_first": False, "clear_after": True}, {"passes": 4}, {"set_to_none": False}],
                         ids=["before", "after", "accumulation over four passes", "to zero"])
def test_cleared_gradients_are_not_called_old(way):
    assert stale(**way) == [0, 0, 0, 0]


def test_gradients_that_one_network_of_a_gan_leaves_in_the_other_are_not_called_old():
    maker, critic = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3)), nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    first, second = torch.optim.Adam(maker.parameters()), torch.optim.Adam(critic.parameters())
    ones, zeros = torch.ones(8, 1), torch.zeros(8, 1)

    def body(_):
        second.zero_grad()
        made = maker(torch.randn(8, 3))
        (F.binary_cross_entropy_with_logits(critic(X), ones) + F.binary_cross_entropy_with_logits(critic(made.detach()), zeros)).backward()
        second.step()
        first.zero_grad()
        F.binary_cross_entropy_with_logits(critic(made), ones).backward()
        first.step()

    record = train(5, body, maker, critic, first, second)
    assert set(values(record, signals.STALE_GRADIENT)) == {0}
    assert hows(record) == {}


def simple(model, optimizer, forward=None):
    """The plain loop."""
    def body(_):
        optimizer.zero_grad()
        F.cross_entropy((forward or model)(X), Y).backward()
        optimizer.step()

    return train(4, body, model, optimizer)


@pytest.mark.parametrize("hide", [lambda layer: [layer], lambda layer: {"layer": layer}, lambda layer: [nn.Sequential(layer)]],
                         ids=["list", "dict", "list of modules"])
def test_a_layer_in_a_plain_container_is_hidden(hide):
    model = Net(hide)
    record = simple(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert sorted(hows(record).values()) == ["hidden", "hidden"]


def test_a_layer_of_the_model_that_the_optimizer_was_not_given_is_left_out():
    model = Net()
    assert set(hows(simple(model, torch.optim.SGD(model.last.parameters(), lr=0.1))).values()) == {"left out"}


def test_copied_layers_that_the_optimizer_was_not_given_are_left_out_too():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 1, 8, 0.0, batch_first=True), 2, enable_nested_tensor=False)
    head = nn.Linear(4, 2)
    whole = copy.deepcopy(nn.Sequential(model, head))
    x = torch.randn(8, 5, 4)
    record = simple(whole, torch.optim.SGD(whole[1].parameters(), lr=0.1), lambda _: whole[1](whole[0](x).mean(1)))
    assert set(hows(record).values()) == {"left out"}


def test_another_model_that_no_optimizer_was_given_is_apart():
    encoder, head = nn.Linear(3, 32), nn.Linear(32, 2)
    record = simple(head, torch.optim.SGD(head.parameters(), lr=0.1), lambda x: head(encoder(x).relu()))
    assert set(hows(record).values()) == {"apart"}


def test_a_model_built_after_the_optimizer_of_another_is_apart_and_not_late():
    with gradwell.watch(every=1) as session:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        judge = nn.Linear(2, 2)
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(judge(model(X)), Y).backward()
            optimizer.step()
    assert set(hows(session.record).values()) == {"apart"}


def test_a_layer_replaced_after_the_optimizer_was_built_is_late():
    with gradwell.watch(every=1) as session:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model.last = nn.Linear(32, 2)
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(X), Y).backward()
            optimizer.step()
    assert hows(session.record) == {"last.weight": "late", "last.bias": "late"}


def test_a_layer_built_anew_in_every_forward_pass_is_late_and_has_one_site():
    head = nn.Linear(32, 2)
    record = simple(head, torch.optim.SGD(head.parameters(), lr=0.1), lambda x: head(nn.Linear(3, 32)(x).relu()))
    assert set(hows(record).values()) == {"late"}
    assert len(hows(record)) == 2


def test_a_layer_added_to_the_optimizer_later_is_no_orphan():
    model = Net()
    optimizer = torch.optim.SGD(model.last.parameters(), lr=0.1)
    optimizer.add_param_group({"params": model.first.parameters()})
    assert hows(simple(model, optimizer)) == {}


@pytest.mark.parametrize("through_data", [False, True])
def test_weights_that_are_updated_by_hand_are_no_fault(through_data):
    model, slow = Net(), nn.Linear(3, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def body(_):
        optimizer.zero_grad()
        slow.zero_grad()
        F.cross_entropy(model(slow(X)), Y).backward()
        optimizer.step()
        for p in slow.parameters():
            if through_data:
                p.data -= 0.1 * p.grad
            else:
                with torch.no_grad():
                    p -= 0.1 * p.grad

    assert set(hows(train(4, body, model, optimizer)).values()) == {"by hand"}


def test_torchs_initial_weights_are_told_from_trained_ones():
    torch.manual_seed(0)
    for layer in (nn.Linear(20, 30), nn.Conv2d(4, 8, 3), nn.LSTM(8, 16), nn.Linear(54, 8)):
        assert is_uniform(next(layer.parameters()).detach().flatten())
    assert not is_uniform(torch.randn(1000))
    assert not is_uniform(torch.zeros(1000))
    x = torch.randn(256, 16)
    y = (x[:, 0] * x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert not is_uniform(model[0].weight.detach().flatten())


MODES = {
    "dropout": (nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5)), True),
    "batch norm": (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), True),
    "attention with dropout": (nn.MultiheadAttention(4, 2, dropout=0.1), True),
    "recurrence with dropout": (nn.LSTM(3, 4, num_layers=2, dropout=0.1), True),
    "no such part": (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), False),
    "dropout of nothing": (nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.0)), False),
}


@pytest.mark.parametrize("name", MODES)
def test_eval_mode_matters_where_a_part_behaves_otherwise_in_it(name):
    model, matters = MODES[name]
    assert not is_wrongly_in_eval(model.train())
    assert is_wrongly_in_eval(model.eval()) is matters


def test_parts_frozen_on_purpose_may_be_in_eval_mode():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).eval()
    model[1].requires_grad_(False)
    assert not is_wrongly_in_eval(model)
    partly = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4), nn.Dropout(0.5)).eval()
    partly[2].train()
    assert not is_wrongly_in_eval(partly)
    head_only = nn.Sequential(nn.Linear(3, 64), nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 2)).eval()
    head_only[0].requires_grad_(False)
    head_only[1].requires_grad_(False)
    assert not is_wrongly_in_eval(head_only)


def test_an_update_is_measured_relative_to_the_weights():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.weight.detach().clone()
    record = simple(model, optimizer)
    (site,) = [site for site in record.sites("parameter") if site.module.endswith("weight")]
    first = values(record, signals.UPDATE_RATIO, site)[0]
    gradient = values(record, signals.PARAMETER_GRADIENT, site)[0]
    assert first == pytest.approx(0.1 * gradient / float(before.norm()), rel=1e-4)


def test_an_optimizer_may_have_an_attribute_of_any_name():
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    optimizer.kind = object()

    def body(_):
        F.cross_entropy(model(X), Y).backward()
        optimizer.step()

    ((_, setup),) = train(1, body, model, optimizer).facts(signals.SETUP.name)
    assert setup["kind"] == "SGD"


def test_the_gradient_norm_is_that_of_all_parameters_together():
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    record = simple(model, optimizer)
    whole = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
    assert values(record, signals.GRADIENT_NORM)[-1] == pytest.approx(float(whole), rel=1e-5)
