"""Whose line it is: the user's own before an installed package's, never torch's or ours."""

import contextlib
import linecache
import statistics

import pytest
import torch

from gradwell.watch import source
from gradwell.watch.source import OURS, rank, user_line


@pytest.mark.parametrize(("file", "far"), [
    (__file__, 0), ("/home/me/torch/train.py", 0), (f"{OURS}/doctor/rules/gw101_dead_relu.py", 0),
    ("/venv/lib/python3.12/site-packages/lightning/trainer.py", 1), (contextlib.__file__, 1),
    (torch.nn.functional.__file__, 2), (f"{OURS}/watch/watcher.py", 2), ("<string>", 2),
])
def test_files_are_near_the_user_or_far(file, far):
    assert rank(file) == far


def test_the_innermost_line_of_the_user_is_found_through_packages():
    seen = []

    class Told(float):
        def as_integer_ratio(self):
            seen.append(user_line())
            return super().as_integer_ratio()

    statistics.mean([Told(1.0)])
    file, line = seen[0]
    assert file == __file__
    assert line is not None
    assert "seen.append(user_line())" in linecache.getline(file, line)


def test_a_training_that_gradwells_own_command_began_has_no_line_of_the_user(monkeypatch):
    monkeypatch.setattr(source, "COMMAND", "/venv/bin/gradwell")
    space = {"user_line": user_line}
    exec(compile("found = user_line()", "/venv/bin/gradwell", "exec"), space)
    assert space["found"] == (None, None)
