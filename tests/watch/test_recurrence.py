"""Recurrent layers: gates, memory and gradients through time are seen on sampled steps, and the run stays what it was."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import gradwell
from gradwell.doctor import signals
from tests.watched import same_bits

LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
LENGTHS = [9, 4, 7, 2]
FORMS = ("outputs", "states", "packed", "time first", "single")


class Net(nn.Module):
    def __init__(self, layer, form):
        super().__init__()
        self.form = form
        self.rnn = layer(3, 5, batch_first=form != "time first")
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        if self.form == "packed":
            h, _ = self.rnn(pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False))
            self.h = pad_packed_sequence(h, batch_first=True)[0]
        elif self.form == "states":
            _, state = self.rnn(x)
            return self.head((state[0] + state[1] if isinstance(state, tuple) else state)[-1])
        elif self.form == "single":
            self.h = self.rnn(x[0])[0][None]
        else:
            self.h, _ = self.rnn(x.transpose(0, 1) if self.form == "time first" else x)
            self.h = self.h.transpose(0, 1) if self.form == "time first" else self.h
        return self.head(self.h[:, -1] if self.form != "packed" else self.h[range(4), [n - 1 for n in LENGTHS]])


def train(layer, form, watch=True):
    """One or two steps; the losses, the weights, the random state, and the record."""
    torch.manual_seed(0)
    x, y = torch.randn(4, 9, 3), torch.tensor([0, 1, 0, 1])
    session = gradwell.watch(every=1)
    if watch:
        session.__enter__()
    try:
        net = Net(layer, form)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        losses = []
        for _ in range(2):
            optimizer.zero_grad()
            out = net(x)
            loss = nn.functional.cross_entropy(out, y[: len(out)])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        if watch:
            session.__exit__(None, None, None)
    return losses, [*net.parameters()], torch.get_rng_state(), session


def unrolled(layer, form):
    """The size of dL/dh_t on the first step, by autograd through a layer that is called step by step."""
    torch.manual_seed(0)
    x, y = torch.randn(4, 9, 3), torch.tensor([0, 1, 0, 1])
    net = Net(layer, form)
    if form == "single":
        x, y = x[:1], y[:1]
    lengths = LENGTHS if form == "packed" else [9] * len(x)
    state, kept, ends = None, [], []
    for t in range(9):
        step = x[:, t: t + 1] if net.rnn.batch_first else x[:, t][None]
        _, state = net.rnn(step, state)
        h = state[0] if isinstance(state, tuple) else state
        h.retain_grad()
        kept.append(h)
        ends.append(state)

    def end(i):
        state = ends[lengths[i] - 1]
        if isinstance(state, tuple):
            state = state[0] + state[1] if form == "states" else state[0]
        return state[0, i]

    nn.functional.cross_entropy(net.head(torch.stack([end(i) for i in range(len(x))])), y).backward()
    return [float(h.grad.norm()) for h in kept]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_by_step_is_that_of_an_unrolled_layer(name, form):
    *_, session = train(LAYERS[name], form)
    record = session.record
    assert not record.meta("probes_off")
    (site,) = record.sites("recurrence")
    assert (site.module, site.type) == ("rnn", name)
    _, found = next(record.facts(signals.GRADIENT_BY_STEP.name, site))
    assert [t for t, _ in found] == list(range(9))
    assert [size for _, size in found] == pytest.approx(unrolled(LAYERS[name], form), rel=1e-4, abs=1e-9)
    assert record.series(signals.SEQUENCE_LENGTH.name, site) == [(1, 9.0), (2, 9.0)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LAYERS)
def test_watching_a_recurrent_layer_changes_nothing(name, form):
    losses, weights, random, _ = train(LAYERS[name], form, watch=False)
    watched_losses, watched_weights, watched_random, _ = train(LAYERS[name], form)
    assert same_bits(losses, watched_losses)
    assert all(same_bits(a, b) for a, b in zip(weights, watched_weights, strict=True))
    assert same_bits(random, watched_random)


def test_each_layer_and_direction_has_its_own_place():
    session = gradwell.watch(every=1)
    with session:
        rnn = nn.LSTM(3, 5, 2, bidirectional=True)
        optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        rnn(torch.randn(6, 2, 3))[0].square().mean().backward()
        optimizer.step()
    assert [site.type for site in session.record.sites("recurrence")] == [
        "LSTM layer 1", "LSTM layer 1 backwards", "LSTM layer 2", "LSTM layer 2 backwards"]


def test_a_forget_gate_that_is_nailed_open_is_seen_as_pinned_and_remembers_long():
    session = gradwell.watch(every=1)
    with session:
        rnn = nn.LSTM(3, 4)
        with torch.no_grad():
            rnn.bias_ih_l0[4:8] = 20.0
        optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        rnn(torch.randn(6, 2, 3))[0].square().mean().backward()
        optimizer.step()
    (site,) = session.record.sites("recurrence")
    _, pinned = next(session.record.facts(signals.PINNED_GATES.name, site))
    assert pinned["f"] == [0.0, 1.0]
    assert session.record.series(signals.MEMORY_HORIZON.name, site)[0][1] > 1e4


def test_reading_without_a_gradient_or_one_step_at_a_time_leaves_no_trace():
    session = gradwell.watch(every=1)
    with session:
        rnn, head = nn.GRU(3, 4), nn.Linear(4, 1)
        optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)
        with torch.no_grad():
            rnn(torch.randn(6, 2, 3))
        head(rnn(torch.randn(1, 2, 3))[0]).square().mean().backward()
        optimizer.step()
    assert session.record.sites("recurrence") == []


def read_by(loss, x=None, batch_first=True, **options):
    """Where a loss of (outputs, last state) is seen to read an nn.GRU."""
    session = gradwell.watch(every=1)
    with session:
        torch.manual_seed(0)
        rnn = nn.GRU(3, 4, batch_first=batch_first, **options)
        optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        loss(*rnn(torch.randn(6, 5, 3) if x is None else x)).square().sum().backward()
        optimizer.step()
    assert not session.record.meta("probes_off")
    return next(session.record.facts(signals.READ.name))[1]


@pytest.mark.parametrize("loss", [lambda h, _: h[:, -1], lambda _, end: end[-1]])
def test_reading_the_last_step_of_every_example_is_seen_as_that(loss):
    read = read_by(loss)
    assert (read["time"], read["batch"], read["from"], read["only"]) == (5, 6, 4, None)


def test_reading_one_example_at_all_steps_is_seen_as_that():
    read = read_by(lambda h, _: h[:, -1], batch_first=False)
    assert (read["time"], read["batch"], read["only"], read["covered"]) == (6, 5, 4, 1.0)


def test_of_a_bidirectional_layer_the_forward_direction_counts():
    assert read_by(lambda h, _: h[:, 0, 4:] + h[:, -1, :4], bidirectional=True)["from"] == 4
    assert read_by(lambda _, end: end[-2], bidirectional=True)["from"] == 4
    assert read_by(lambda h, _: h[:, 2:], num_layers=2)["from"] == 2


def test_packed_sequences_are_read_late_where_each_one_ends():
    x = pack_padded_sequence(torch.randn(3, 9, 3), torch.tensor([9, 5, 2]), batch_first=True)
    assert read_by(lambda _, end: end[-1], x)["from"] == 8
    assert read_by(lambda h, _: pad_packed_sequence(h, batch_first=True)[0][[0, 1, 2], [8, 4, 1]], x)["from"] == 8
    assert read_by(lambda h, _: pad_packed_sequence(h, batch_first=True)[0][:, 0], x)["from"] == 0


def test_padding_at_the_end_is_measured_and_padding_at_the_beginning_is_not():
    x = torch.randn(6, 5, 3)
    for i, length in enumerate([5, 4, 3, 2, 1, 3]):
        x[i, length:] = 7.0
    right, left = read_by(lambda h, _: h[:, -1], x), read_by(lambda h, _: h[:, -1], x.flip(1))
    assert right["tailed"] == pytest.approx(4 / 6)  # a single vector at the end is no tail
    assert right["longest_tail"] == pytest.approx(4 / 5)
    assert right["mean_tail"] == pytest.approx((2 + 3 + 4 + 2) / 30)
    assert (right["starting"], right["lengths"]) == (0.0, 3)
    assert left["tailed"] == 0
