"""`gradwell check`: one or several targets, named or the project's; what is wrong is its exit status."""

import pytest

from tests.command import inside, script

FACTORIES = """
import torch
from torch import nn

def made(*more):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3), *more)
    x = torch.randn(24, 6)
    return model, nn.functional.cross_entropy, torch.optim.SGD(model.parameters(), 0.5), (x, torch.arange(24) % 3)

def well():
    return made()

def sick():
    return made(nn.Softmax(1))

def loss(scores, target):
    return nn.functional.cross_entropy(scores, target)

def excused():
    model, _, optimizer, batch = made(nn.Softmax(1))
    return model, loss, optimizer, batch
"""


@pytest.fixture
def folder(tmp_path):
    script(tmp_path, FACTORIES, "models.py")
    return tmp_path


def test_the_projects_targets_are_tried_where_none_is_named(folder):
    none = inside("check", cwd=folder)
    assert (none.returncode, none.stdout) == (2, "")
    assert "name what to check" in none.stderr
    (folder / "pyproject.toml").write_text('[tool.gradwell]\ncheck = ["models.py:well", "models.py:sick"]\n')
    both = inside("check", cwd=folder)
    assert both.returncode == 1
    assert both.stdout.index("== models.py:well") < both.stdout.index("== models.py:sick") < both.stdout.index("GW302 double-softmax")
    one = inside("check", "models.py:well", cwd=folder)
    assert (one.returncode, "==" in one.stdout) == (0, False)


def test_rules_that_the_project_ignores_are_not_asked(folder):
    (folder / "pyproject.toml").write_text('[tool.gradwell]\nignore = ["GW302"]\n')
    done = inside("check", "models.py:sick", cwd=folder)
    assert "GW302" not in done.stdout.replace("ignore = GW302", "")
    assert "notice: [tool.gradwell] of " in done.stdout


def test_its_exit_status_is_as_asked(folder):
    assert inside("check", "--fail-on", "never", "models.py:sick", cwd=folder).returncode == 0


def test_on_github_a_finding_is_annotated(folder, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = inside("check", "models.py:sick", cwd=folder)
    first, *_, last = done.stdout.strip().split("\n")
    assert first.startswith("::stop-commands::gradwell-")
    assert last.startswith("::error ")
    assert "title=GW302 double-softmax::" in last
    assert "::" not in inside("check", "--no-github", "models.py:sick", cwd=folder).stdout
