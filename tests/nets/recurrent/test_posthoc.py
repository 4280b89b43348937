"""All ways to find a layer's gates find the same ones, and oneDNN's workspace is believed only when it is right."""

import pytest
import torch

from gradwell.nets.recurrent import posthoc, sweeps, workspace
from gradwell.nets.recurrent.sweeps import Sweep
from gradwell.nets.recurrent.weights import Weights
from tests.nets.recurrent.oracle import draw, theirs


def sweep(kind, steps, batch, columns, hidden, dtype=torch.float32, **options):
    layer = theirs(kind, columns, hidden, dtype=dtype, **options)
    h, c = draw(batch, hidden, seed=2, dtype=dtype), draw(batch, hidden, seed=3, dtype=dtype)
    mode = f"RNN_{kind.upper()}" if kind in ("tanh", "relu") else kind
    return Sweep(mode, draw(steps, batch, columns, dtype=dtype), h, c if kind == "LSTM" else None, Weights.of(layer, 0))


def same(a, b):
    for name in ("y", "gates", "cells", "inner"):
        one, two = getattr(a, name), getattr(b, name)
        assert (one is None) == (two is None)
        if one is not None:
            torch.testing.assert_close(one, two, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6, 4, 5, 7), (1, 1, 1, 1), (3, 2, 4, 64), (3, 33, 4, 128), (2, 3, 5, 100)])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "tanh", "relu"])
@torch.no_grad()
def test_all_ways_find_the_same_gates(kind, shape, bias):
    s = sweep(kind, *shape, bias=bias)
    expected = sweeps.forward(s)
    same(posthoc.keep(s), expected)
    if kind in posthoc.WAYS:
        same(posthoc.WAYS[kind](s, expected.y), expected)
    if kept := workspace.read(s):
        same(kept, expected)


@torch.no_grad()
def test_a_workspace_of_another_layout_is_not_believed(monkeypatch):
    s = sweep("LSTM", 6, 4, 5, 7)
    expected, run = sweeps.forward(s), workspace.run
    if run(s) is None:
        pytest.skip("this build of torch has no oneDNN")
    monkeypatch.setattr(workspace, "run", lambda s: (*run(s)[:2], run(s)[2].roll(1)))
    assert workspace.read(s) is None
    same(posthoc.keep(s), expected)
    monkeypatch.setattr(workspace, "run", lambda s: (*run(s)[:2], run(s)[2][:10]))
    assert workspace.read(s) is None


@torch.no_grad()
def test_without_onednn_or_in_double_precision_there_is_no_workspace(monkeypatch):
    assert workspace.read(sweep("LSTM", 6, 4, 5, 7, dtype=torch.float64)) is None
    assert workspace.read(sweep("GRU", 6, 4, 5, 7)) is None
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert workspace.read(sweep("LSTM", 6, 4, 5, 7)) is None


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@torch.no_grad()
def test_a_large_layer_without_a_workspace_is_swept(kind):
    s = sweep(kind, 3, 64, 8, 64, dtype=torch.float64)
    same(posthoc.keep(s), posthoc.WAYS[kind](s, sweeps.forward(s).y))
