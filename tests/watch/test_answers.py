"""What is read of labels and answers: mixtures of classes, predictions that do not differ, inputs that come back."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import gradwell
from gradwell.doctor import signals


def watched(steps, model=None, loss=F.cross_entropy):
    """Train on the given batches, watching every step; the record and its loss's site."""
    torch.manual_seed(0)
    model = model or nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with gradwell.watch(model, optimizer, every=1) as session:
        for x, y in steps:
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
    assert session.record.meta("probes_off") == {}
    return session.record, session.record.sites("loss")[0]


def test_the_labels_of_each_batch_are_counted():
    record, site = watched([(torch.randn(8, 6), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2]))] * 2)
    assert [mix for _, mix in record.facts(signals.BATCH_LABELS.name, site)] == [{"0": 3, "1": 2, "2": 3}] * 2


def test_the_spread_of_predictions_is_that_of_their_probabilities():
    x = torch.randn(12, 6)
    model = nn.Linear(6, 3)
    record, site = watched([(x, torch.arange(12) % 3)], model)
    p = model(x).softmax(1).detach()
    assert record.series(signals.OUTPUT_SPREAD.name, site)[0][1] == pytest.approx(float(p.std(0, correction=0).amax()), rel=1e-4)
    assert record.series(signals.COMMONEST_ANSWER.name, site)[0][1] == pytest.approx(float(p.argmax(1).bincount().amax()) / 12)


def test_of_numbers_it_is_relative_to_the_targets():
    x, y = torch.randn(12, 6), 7 * torch.randn(12, 1)
    model = nn.Linear(6, 1)
    record, site = watched([(x, y)], model, F.mse_loss)
    share = float(model(x).detach().std(correction=0) / y.std(correction=0))
    assert record.series(signals.OUTPUT_SPREAD.name, site)[0][1] == pytest.approx(share, rel=1e-4)


def test_inputs_that_come_back_are_compared_by_their_labels():
    x = torch.randn(10, 6)
    y, order = torch.arange(10) % 3, torch.arange(9, -1, -1)
    record, site = watched([(x, y), (x[order], y[order]), (x, (y + 1) % 3)])
    seen = [fact for _, fact in record.facts(signals.SEEN_AGAIN.name, site)]
    assert [(fact["again"], fact["different"]) for fact in seen] == [(10, 0), (10, 10)]


def test_dense_targets_and_words_have_no_one_label_and_are_left_alone():
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.out = nn.Embedding(20, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.out(self.embedding(x)).transpose(1, 2)

    record, site = watched([(torch.randint(20, (8, 5)), torch.randint(3, (8, 5)))] * 2, Dense())
    assert list(record.facts(signals.BATCH_LABELS.name, site)) == []
    assert list(record.facts(signals.SEEN_AGAIN.name, site)) == []


def test_batch_normalisation_tells_how_many_values_it_has_and_whether_a_bias_comes_before_it():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    record, _ = watched([(torch.randn(8, 1, 6, 6), torch.arange(8) % 3)], model)
    (site,) = record.sites("normalization")
    assert record.series(signals.BATCH_VALUES.name, site) == [(1, 8 * 16)]
    assert record.series(signals.BIASED.name, site) == [(1, 1.0)]


def test_first_weights_are_measured_against_their_fan_in():
    model = nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    record, _ = watched([(torch.randn(8, 3, 6, 6), torch.arange(8) % 3)] * 2, model)
    scales = {site.module: record.series(signals.FIRST_SCALE.name, site) for site in record.sites("layer")}
    assert scales["0"] == [(1, pytest.approx(float(model[0].weight.detach().std(correction=0)) * 75**0.5, rel=1e-4))]
    assert scales["3"] == [(1, pytest.approx(float(model[3].weight.detach().std(correction=0)) * 32**0.5, rel=1e-4))]
