"""A study in a database that several processes share."""

import subprocess
import sys

import pytest

from gradwell.errors import DependencyError, OptionError
from gradwell.studies import used
from tests.processes import PLACE

optuna = pytest.importorskip("optuna")
SCRIPT = """
from gradwell import studies
optuna = studies.imported()
with studies.quiet(optuna):
    study, new = studies.shared("sqlite:///study.db", "s", optuna.samplers.RandomSampler())
    for i in range(40 if new else 0):
        study.enqueue_trial({"x": i})
    while len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,), deepcopy=False)) < 40:
        study.optimize(lambda trial: print(trial.number, flush=True) or trial.suggest_int("x", 0, 99), n_trials=1)
"""


def test_no_two_processes_take_the_same_trial(tmp_path):
    every = [subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=PLACE) for _ in range(3)]
    numbers = [int(word) for process in every for word in process.communicate(timeout=120)[0].split()]
    assert [process.returncode for process in every] == [0, 0, 0]
    assert len(set(numbers)) == len(numbers) >= 40


def test_a_missing_driver_is_named_and_a_password_is_not():
    with pytest.raises(DependencyError) as caught, used("postgresql://me:secret@host/db", OptionError, "failed"):
        raise ImportError from ModuleNotFoundError("no", name="psycopg")
    assert str(caught.value) == "postgresql://me:***@host/db needs the package psycopg; install it with pip"
