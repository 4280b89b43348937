"""What the callbacks of all trainers share."""

import copy

import pytest
import torch
from torch import nn

import gradwell
from gradwell.doctor.metrics import epochs, metrics
from gradwell.errors import OptionError
from gradwell.integrations.live import Live, watchers


def train(sick=False, steps=4):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), *([nn.Softmax(-1)] if sick else []))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.arange(8) % 3).backward()
        optimizer.step()


def test_inside_a_watch_it_adds_to_that_one(capsys):
    live = Live(None, None)
    with gradwell.watch() as run:
        live.begin()
        train()
        live.metrics({"val_loss": torch.tensor(0.5), "name": "x", "flag": True, "many": torch.zeros(2), "val_acc": 1})
        live.epoch()
        train()
        live.epoch()
        live.end()
    assert epochs(run.record) == 2
    assert [(one.name, one.readings) for one in metrics(run.record)] == [("val_loss", [(4, 0.5)]), ("val_acc", [(4, 1.0)])]
    assert capsys.readouterr().err == ""


def test_alone_it_watches_and_prints_its_report(capsys, tmp_path):
    live = Live(None, tmp_path / "run")
    live.begin()
    train(sick=True)
    live.end()
    live.end()
    assert watchers() == ()
    assert capsys.readouterr().err.count("GW302 double-softmax") == 1
    assert [finding.code for finding in live.report().verdict.findings] == ["GW302"]
    assert (tmp_path / "run" / "record.sqlite").exists()


def test_it_stops_at_a_finding_as_bad_as_was_asked_for(capsys):
    with gradwell.watch():
        careful, patient = Live("error", None), Live(None, None)
        for live in (careful, patient):
            live.begin()
        train(sick=True)
        assert careful.stop()
        assert not patient.stop()
    assert "gradwell: the training stops after epoch 0: error GW302" in capsys.readouterr().err


def test_a_healthy_run_is_not_stopped():
    with gradwell.watch():
        live = Live("warning", None)
        live.begin()
        train()
        assert not live.stop()


def test_judging_takes_no_more_than_its_share(monkeypatch):
    from gradwell.integrations import live as module

    asked = []
    monkeypatch.setattr(module, "findings", lambda: asked.append(1) or [])
    with gradwell.watch():
        live = Live("error", None)
        live.begin()
        live.stop()
        live._cost = 1000.0
        live.stop()
        assert len(asked) == 1
        live._cost = 0.0
        live.stop()
        assert len(asked) == 2


def test_a_failure_is_said_once_and_disturbs_nothing(capsys):
    class Bad:
        def items(self):
            raise RuntimeError("no metrics\ntoday")

    with gradwell.watch():
        live = Live("error", None)
        live.begin()
        live.metrics(Bad())
        live.metrics(Bad())
        assert not live.stop()
    assert capsys.readouterr().err == "gradwell: the callback failed and switched itself off: RuntimeError: no metrics today\n"


def test_a_callback_that_failed_still_reports_and_lets_go_of_its_watch(capsys):
    live = Live(None, None)
    live.begin()
    train(sick=True)
    live.metrics(None)
    live.end()
    assert watchers() == ()
    said = capsys.readouterr().err
    assert said.startswith("gradwell: the callback failed and switched itself off: AttributeError")
    assert "GW302 double-softmax" in said


@pytest.mark.parametrize("same", [True, False])
def test_a_training_that_failed_is_reported_when_the_next_one_begins(same, capsys):
    failed = Live(None, None)
    failed.begin()
    train(sick=True, steps=3)  # whoever trains raises here, and the callback is told of nothing
    live = failed if same else Live(None, None)
    live.begin()
    assert capsys.readouterr().err.count("GW302 double-softmax") == 1
    train(steps=5)
    live.end()
    assert (live.report().steps, live.report().verdict.findings) == (5, ())
    assert watchers() == ()


def test_two_callbacks_of_one_training_share_a_watch(capsys):
    first, second = Live(None, None), Live(None, None)
    first.begin()
    second.begin()
    train()
    second.end()
    first.end()
    assert capsys.readouterr().err.count("gradwell:") == 1
    assert first.report().steps == 4


def test_a_severity_that_is_none_is_refused():
    with pytest.raises(OptionError, match="stop_on='fatal' is no severity to stop at; give 'error', 'warning' or None"):
        Live("fatal", None)


def test_before_anything_was_watched_there_is_no_report():
    with pytest.raises(OptionError, match="nothing was watched yet"):
        Live(None, None).report()


def test_a_copy_begins_anew():
    live = Live("error", None)
    live.begin()
    try:
        train()
        copied = copy.deepcopy(live)
    finally:
        live.end()
    assert (copied.stop_on, copied.begun, copied.session) == ("error", False, None)
