"""The hook, by the installed pre-commit, on a repository of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import script

pytest.importorskip("pre_commit", reason="pre-commit is not installed; `make test-integrations` installs it")
HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
MODEL = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3))
    x = torch.randn(24, 6)
    return model, nn.functional.cross_entropy, torch.optim.SGD(model.parameters(), 0.5), (x, torch.arange(24) % 3)
"""
GIT = {f"GIT_{who}_{what}": "nobody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def call(*command, cwd):
    env = os.environ | GIT | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
                              "PRE_COMMIT_HOME": str(cwd.parent / "cache")}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def repository(tmp_path):
    for name in ("hooks", "project"):
        (tmp_path / name).mkdir()
    shutil.copy(HOOKS, tmp_path / "hooks")
    script(tmp_path / "project", MODEL, "models.py")
    (tmp_path / "project" / "pyproject.toml").write_text('[tool.gradwell]\ncheck = ["models.py:make"]\n')
    for name in ("hooks", "project"):
        for words in ("init -q", "add .", "commit -qm first"):
            done = call("git", *words.split(), cwd=tmp_path / name)
            assert done.returncode == 0, done.stderr
    return tmp_path / "project"


def test_a_commit_is_refused_for_a_fault_and_accepted_without_it(repository):
    def hook():
        options = "try-repo ../hooks gradwell-check --all-files --verbose"
        return call(sys.executable, "-m", "pre_commit", *options.split(), cwd=repository)

    well = hook()
    assert well.returncode == 0, well.stdout + well.stderr
    assert "gradwell check" in well.stdout
    assert "learns one batch by heart" in well.stdout
    script(repository, MODEL.replace("nn.Linear(32, 3)", "nn.Linear(32, 3), nn.Softmax(1)"), "models.py")
    call("git", "add", ".", cwd=repository)
    sick = hook()
    assert sick.returncode == 1
    assert "GW302 double-softmax (error)" in sick.stdout
