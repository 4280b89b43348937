"""Compiled models: what is inside is seen, and the run stays what it was."""

import warnings

import pytest
import torch
from torch import nn

import gradwell
from tests.watched import same_bits


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 32), nn.Tanh())
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        return self.head(self.body(x))


def train(watch):
    """Train a compiled net, watched or not; return its losses, its state, the random state, and the session."""
    torch.manual_seed(0)
    x = torch.randn(128, 16)
    y = (x[:, 0] > 0).long()
    session = gradwell.watch(every=1)
    if watch:
        session.__enter__()
    try:
        net = Net()
        compiled = torch.compile(net, backend="aot_eager")
        optimizer = torch.optim.SGD(compiled.parameters(), lr=0.1)
        losses = []
        for i in range(0, 128, 32):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(compiled(x[i:i + 32]), y[i:i + 32])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        if watch:
            session.__exit__(None, None, None)
    return losses, [t.clone() for t in net.state_dict().values()], torch.get_rng_state(), session


@pytest.fixture(scope="module")
def runs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        torch._dynamo.reset()
        plain = train(False)
        torch._dynamo.reset()
        return plain, train(True)


def test_a_compiled_run_stays_what_it_was(runs):
    (losses, state, random, _), (watched_losses, watched_state, watched_random, session) = runs
    assert same_bits(losses, watched_losses)
    assert all(same_bits(a, b) for a, b in zip(state, watched_state, strict=True))
    assert torch.equal(random, watched_random)
    assert session.record.meta("probes_off") == {}


def test_the_layers_of_a_compiled_model_are_seen_by_their_own_names(runs):
    record = runs[1][3].record
    assert [site.module for site in record.sites("layer")] == ["body.0", "body.4", "head"]
    for site in record.sites("layer")[1:]:
        assert len(record.series("weight_gain", site)) == 4
    assert record.meta("unseen") == ["whether the examples of a batch stay apart in the model was not tried: it is compiled"]
