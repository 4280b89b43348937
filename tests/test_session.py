"""Watching from inside a program."""

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F
from torch.nn.modules import module
from torch.optim import optimizer as optim

import gradwell
from gradwell.doctor.record import Record
from gradwell.report.assemble import of_record

PATCHED = ((torch.autograd, "backward"), (optim.Optimizer, "__init__"), (torch.nn.utils, "clip_grad_norm_"),
           (torch.amp.GradScaler, "scale"), (torch.amp.GradScaler, "step"))
ORIGINAL = [getattr(*place) for place in PATCHED]


def untouched() -> bool:
    hooks = (optim._global_optimizer_pre_hooks, optim._global_optimizer_post_hooks, module._global_parameter_registration_hooks,
             module._global_module_registration_hooks)
    return [getattr(*place) for place in PATCHED] == ORIGINAL and not any(hooks)


def train(model, steps=10, softmax=True):
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(steps):
        x = torch.randn(16, 4)
        optimizer.zero_grad()
        y = model(x)
        F.cross_entropy(y.softmax(1) if softmax else y, (x[:, 0] > 0).long()).backward()
        optimizer.step()


def net():
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


def test_a_block_is_watched_and_reported():
    model = net()
    with gradwell.watch(model, every=1) as run:
        train(model)
    assert untouched()
    assert [finding.code for finding in run.findings()] == ["GW302"]
    assert str(run.report()).startswith("gradwell: 1 finding.\n")
    assert "GW302 double-softmax" in str(run.report())
    assert run.findings()[0].where.file == __file__
    page = run.report()._repr_html_()
    assert page.startswith("<iframe")
    assert "GW302" in page
    assert run.report().steps == 10


def test_findings_can_be_asked_for_in_mid_run_and_nothing_is_seen_after_the_block():
    model = net()
    with gradwell.watch(model, every=1) as run:
        assert run.findings() == []
        train(model)
        assert [finding.code for finding in run.findings()] == ["GW302"]
    train(model, softmax=False)
    assert run.record.steps == 10
    assert run.record.series("loss")[-1][0] == 10


def test_an_error_in_the_block_comes_out_and_what_was_seen_is_kept():
    model = net()
    run = gradwell.watch(model, every=1)

    def fail():
        train(model)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), run:
        fail()
    assert untouched()
    assert [finding.code for finding in run.findings()] == ["GW302"]
    assert run.record.meta("finished")


def test_blocks_may_follow_each_other_lie_in_each_other_and_overlap():
    model = net()
    outer = gradwell.watch(model, every=1)
    with outer:
        train(model, 3)
        with gradwell.watch(model, every=1) as inner:
            train(model, 4)
        train(model, 5)
    assert (outer.record.steps, inner.record.steps) == (12, 4)
    assert [loss for _, loss in outer.record.series("loss")][3:7] == [loss for _, loss in inner.record.series("loss")]
    assert untouched()
    first, second = gradwell.watch(model, every=1), gradwell.watch(model, every=1)
    with first:
        train(model, 3)
        second.__enter__()
        train(model, 4)
    assert not untouched()
    train(model, 5)
    second.__exit__(None, None, None)
    assert untouched()
    assert (first.record.steps, second.record.steps) == (7, 9)
    assert [finding.code for finding in second.findings()] == ["GW302"]


def test_what_somebody_else_patched_over_ours_stays():
    def other(*args, **kwargs):
        return ORIGINAL[0](*args, **kwargs)

    try:
        with gradwell.watch():
            torch.autograd.backward = other
        assert torch.autograd.backward is other
    finally:
        torch.autograd.backward = ORIGINAL[0]
    assert untouched()


def test_a_run_folder_keeps_the_record_and_is_not_used_twice(tmp_path, monkeypatch):
    model = net()
    with gradwell.watch(model, run_dir=tmp_path / "new" / "run", every=1) as run:
        train(model)
    assert Record.open(tmp_path / "new" / "run").steps == 10
    assert run.record.path == tmp_path / "new" / "run" / "record.sqlite"
    monkeypatch.setenv("PYTHONPATH", "mine")
    run.__exit__(None, None, None)  # as the pytest plugin does at the end of a test
    assert os.environ["PYTHONPATH"] == "mine"
    with pytest.raises(gradwell.RecordError, match="already holds a record"):
        gradwell.watch(model, run_dir=tmp_path / "new" / "run")
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(gradwell.RecordError, match="cannot make the folder"):
            gradwell.watch(model, run_dir=folder)
    assert untouched()


def test_a_block_that_trains_nothing_is_not_said_to_have_been_killed(tmp_path):
    with gradwell.watch(run_dir=tmp_path):
        pass
    assert of_record(tmp_path).limits == ()


def test_workers_that_torchrun_starts_anew_add_their_record_to_the_folder(tmp_path, monkeypatch):
    model = net()
    for attempt in range(3):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(attempt))
        with gradwell.watch(model, run_dir=tmp_path, every=1):
            train(model)
    found = [Record.open(path) for path in sorted(tmp_path.glob("record*.sqlite"))]
    assert {record.meta("process")["attempt"]: record.steps for record in found} == {0: 10, 1: 10, 2: 10}


def test_a_torch_too_old_is_refused(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.3.1+cpu")
    with pytest.raises(gradwell.DependencyError, match=r"torch 2\.3\.1\+cpu is too old"):
        gradwell.watch()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(gradwell.DependencyError, match="needs PyTorch"):
        gradwell.watch()


@pytest.mark.parametrize("imports", ["gradwell.watch.settings, gradwell", "gradwell, gradwell.watch.launcher", "gradwell.cli.main"])
def test_its_watch_can_be_called_whatever_is_imported_first(imports):
    code = f"import {imports}; print(callable(gradwell.watch))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_session_that_saw_no_training_says_so():
    with gradwell.watch() as run:
        pass
    assert run.findings() == []
    assert "never updated" in str(run.report())


def test_a_block_that_trains_nothing_was_not_cut_short(tmp_path):
    with gradwell.watch(run_dir=tmp_path / "run"):
        pass
    assert str(of_record(tmp_path / "run")) == "gradwell: nothing to judge: the weights were never updated."
