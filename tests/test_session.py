"""Watching from inside a program."""

import pytest
import torch
from torch import nn

import gradwell


def fit(model, optimizer, steps=12):
    torch.manual_seed(0)
    for _ in range(steps):
        x = torch.randn(32, 4)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x).softmax(1), (x[:, 0] > 0).long()).backward()
        optimizer.step()


@pytest.fixture
def trained():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def test_a_session_names_what_is_wrong_and_shows_it(trained):
    with gradwell.watch(*trained) as run:
        fit(*trained)
    assert [finding.code for finding in run.findings()] == ["GW302"]
    assert "GW302 double-softmax" in str(run.report())
    assert run.report()._repr_html_().startswith("<iframe")
    (finding,) = run.findings()
    assert finding.where.file == __file__


def test_findings_are_there_while_the_block_still_runs(trained):
    with gradwell.watch(*trained) as run:
        fit(*trained)
        assert [finding.code for finding in run.findings()] == ["GW302"]


def test_nothing_of_ours_is_left_in_torch_after_the_block(trained):
    before = torch.autograd.backward, torch.nn.utils.clip_grad_norm_, torch.optim.Optimizer.__init__, torch.amp.GradScaler.scale
    fit(*trained)
    with pytest.raises(ZeroDivisionError), gradwell.watch(*trained):
        fit(*trained, steps=1 // 0)
    assert before == (torch.autograd.backward, torch.nn.utils.clip_grad_norm_, torch.optim.Optimizer.__init__, torch.amp.GradScaler.scale)


def test_sessions_inside_each_other_see_the_same(trained):
    with gradwell.watch(*trained, every=1) as outer, gradwell.watch(*trained, every=1) as inner:
        fit(*trained)
    assert outer.record.series("loss") == inner.record.series("loss") != []


def test_a_folder_that_holds_a_record_is_refused(trained, tmp_path):
    with gradwell.watch(*trained, run_dir=tmp_path / "run"):
        fit(*trained)
    with pytest.raises(gradwell.RecordError, match="already holds a record"):
        gradwell.watch(*trained, run_dir=tmp_path / "run")


def test_a_session_that_saw_no_training_says_so():
    with gradwell.watch() as run:
        pass
    assert run.findings() == []
    assert "never updated" in str(run.report())
