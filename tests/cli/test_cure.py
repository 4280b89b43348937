"""`gradwell cure` runs a script again with one remedy at a time, and says what each did."""

import json

import pytest

from tests.command import gradwell, inside, python, script

DEEP = """
import torch
from torch import nn
x = torch.randn(256, 16)
y = (x[:, :4].sum(1) > 0).long()
body = [part for i in range(9) for part in (nn.Linear(16 if i == 0 else 32, 32), nn.Sigmoid())]
model = nn.Sequential(*body, nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(100):
    for i in range(0, 256, 64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[i:i + 64]), y[i:i + 64])
        loss.backward()
        optimizer.step()
print("ended")
"""
PILING = """
import torch
from torch import nn
x = torch.randn(240, 2)
y = (x[:, :1] - x[:, 1:]) / 1.4
model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(1000):
    try:
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    except Exception:
        raise
"""


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """The deep net of sigmoids, cured."""
    folder = tmp_path_factory.mktemp("deep")
    script(folder, DEEP)
    done = gradwell("cure", "--yes", "--steps", 200, "--apply", "GW201", "--json", "cure.json", "--run-dir", "runs", "train.py", cwd=folder)
    return folder, done


def test_the_untouched_run_comes_first_and_the_remedy_is_measured_beside_it(deep):
    folder, done = deep
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "gradwell: 1 of 1 remedy makes the loss clearly lower."
    rows = [line.split()[0] for line in lines if line.startswith(("untouched", "GW201"))]
    assert rows[:2] == ["untouched", "GW201"]
    assert "helps; finding gone" in done.stdout
    assert "kaiming_normal_" in done.stdout
    told = json.loads((folder / "cure.json").read_text())
    assert told["untouched"]["learned"]["answer"] == "no"
    (trial,) = told["trials"]
    assert trial["gone"] is True
    assert trial["loss"]["last"] < 0.5 * told["untouched"]["learned"]["last"]


def test_every_run_ends_after_the_steps_asked_for_and_none_changes_the_script(deep):
    folder, _ = deep
    assert (folder / "train.py").read_text() == DEEP
    told = json.loads((folder / "cure.json").read_text())
    assert told["untouched"]["steps"] == told["trials"][0]["steps"] == 200
    assert (folder / "runs/untouched/output.txt").read_text() == ""  # what the script prints at its end was not reached
    assert python("train.py", cwd=folder).stdout == "ended\n"


def test_gradients_that_pile_up_are_cleared_from_outside(tmp_path):
    script(tmp_path, PILING)
    done = gradwell("cure", "-y", "--steps", 60, "--apply", "missing-zero-grad", "train.py", cwd=tmp_path)
    assert "helps; finding gone" in done.stdout, done.stdout + done.stderr


def test_a_remedy_for_the_users_own_hand_is_given_as_code(tmp_path):
    wrong = DEEP.replace("nn.Linear(32, 2))", "nn.Linear(32, 2))\ncriterion = nn.CrossEntropyLoss()").replace(
        "nn.functional.cross_entropy(model(x[i:i + 64])", "nn.functional.cross_entropy(model(x[i:i + 64]).softmax(1)")
    script(tmp_path, wrong)
    done = gradwell("cure", "-y", "--steps", 60, "--apply", "GW302", "train.py", cwd=tmp_path)
    assert "cannot be applied from outside" in done.stdout, done.stdout + done.stderr
    assert "GW302 by hand: " in done.stdout


@pytest.mark.parametrize(("arguments", "says"), [
    (["train.py"], "Nobody can be asked here; say --yes"),
    (["-y", "nothere.py"], "there is no script 'nothere.py'"),
    (["-y", "--apply", "GW999", "train.py"], "there is no rule 'GW999'"),
    (["-y", "--apply", "GW401", "--steps", "20", "train.py"], "GW401 has no remedy that can be applied to this run from outside"),
    (["-y", "idle.py"], "the script made no training step"),
    (["-y", "--steps", "3", "train.py"], "greater than or equal to 10"),
])
def test_what_cannot_be_done_is_told_in_one_line_with_status_2(arguments, says, tmp_path):
    script(tmp_path, DEEP)
    script(tmp_path, "print('hello')", "idle.py")
    done = inside("cure", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
