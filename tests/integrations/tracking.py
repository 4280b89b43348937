"""What the tests of trackers share: a small sick run, what its record holds, and what a run leaves behind."""

import random
from collections import defaultdict

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import gradwell
from gradwell.integrations.trackers import alongside
from gradwell.integrations.trackers.following import SENT, Following

SICK = """
import time, torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for step in range({steps}):
    x = torch.randn(16, 4)
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x).softmax(1), (x[:, 0] > 0).long()).backward()
    optimizer.step()
    time.sleep({pause})
print("done")
"""  # GW302: softmax twice
COMMAND = "from gradwell.cli.main import main; main()"


@pytest.fixture
def often(monkeypatch):
    """The record is looked at every few milliseconds, whatever that costs."""
    monkeypatch.setattr(alongside, "FIRST", 0.0)
    monkeypatch.setattr(alongside, "PERIOD", 0.01)
    monkeypatch.setattr(alongside, "SHARE", 100.0)


def trained(track=None, each=lambda step: None, steps=40, **options):
    """Train the sick model, watched: the session, and everything a run leaves: weights, losses, random states."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    with gradwell.watch(model, optimizer, every=2, track=track, **options) as session:
        for step in range(steps):
            x = torch.randn(16, 4)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x).softmax(1), (x[:, 0] > 0).long())
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            each(step)
    state = (losses, [p.detach().clone() for p in model.parameters()], torch.get_rng_state(), random.getstate(), np.random.get_state()[1])
    return session, state


def same(one, other):
    """Whether two runs left the same, to the last bit."""
    return (one[0] == other[0] and all(map(torch.equal, one[1], other[1])) and torch.equal(one[2], other[2]) and one[3] == other[3]
            and bool((one[4] == other[4]).all()))


def numbers(record):
    """What trackers should show of a record: by name, {step: value}, taken from the record's own series."""
    following = Following()
    points = [point for points in following.points(record, last=True) for point in points]
    names = {name: key for key, name in following._names.items()}
    sites = {site.id: site for site in record.sites()}
    found = defaultdict(dict)
    for name in {point.name for point in points}:
        signal, site = names[name]
        assert signal in SENT
        if site:
            found[name] = dict(record.series(signal, sites[site]))
        else:
            found[name] = dict(record.series(signal))
    return dict(found)
