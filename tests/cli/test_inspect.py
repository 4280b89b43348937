"""`gradwell inspect` from a user's shell."""

import json

import pytest
import torch
from torch import nn

import gradwell as library
from gradwell.cli.inspect import inspect
from gradwell.errors import GradwellError
from tests.command import gradwell, script

MODELS = """
import torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))

ready = Net()
number = 3

def words():
    return nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 2))

def two():
    return nn.Bilinear(3, 4, 2)

def trained():
    model = Net()
    return model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), (torch.rand(5, 1, 8, 8), torch.zeros(5).long())

def named():
    model, loss_fn, optimizer, batch = trained()
    return {"model": model, "loss_fn": loss_fn, "optimizer": optimizer, "batch": batch}

def none():
    return [1, 2]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    script(folder, MODELS, "inspected_nets.py")
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))


def test_a_model_is_printed_and_written(folder):
    done = gradwell("inspect", "inspected_nets.py:Net", "--input", "1x8x8", "--json", "net.json", "--html", "net.html", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == ["Net, run on 1x1x8x8 (batch 1)", "330 parameters, 330 trainable, 0 frozen"]
    assert max(map(len, done.stdout.splitlines())) <= 100
    told = json.loads((folder / "net.json").read_text())
    mine = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))
    assert told == library.inspect(mine, torch.rand(1, 1, 8, 8)).as_dict() | {"model": "Net"}
    assert (folder / "net.html").read_text().startswith("<!doctype html>")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(("target", "shapes", "first"), [
    ("ready", ["1x8x8"], "Net, run on 1x1x8x8 (batch 1)"),
    ("words", ["5:long"], "Sequential, run on 1x5 (batch 1)"),
    ("two", ["3", "4"], "Bilinear, run on 1x3, 1x4 (batch 1)"),
    ("trained", None, "Net, run on 5x1x8x8 (batch 5)"),
    ("named", ["1x8x8"], "Net, run on 1x1x8x8 (batch 1)"),
])
@pytest.mark.usefixtures("here")
def test_a_target_may_be_many_things(capsys, target, shapes, first):
    inspect(f"inspected_nets:{target}", shapes)
    assert capsys.readouterr().out.splitlines()[0] == first


@pytest.mark.parametrize(("target", "shapes", "says"), [
    ("inspected_nets:Net", None, "give it without the batch, such as --input 3x32x32"),
    ("inspected_nets:Net", ["3x8x8"], "the model fails at 0 (Conv2d), which got (1, 3, 8, 8): RuntimeError: "),
    ("inspected_nets:Net", ["1x9x9"], "the model fails at 3 (Linear), which got (1, 196): RuntimeError: "),
    ("inspected_nets:Net", ["big"], "input 'big' is no shape; it must be whole numbers from 1 on with x between them"),
    ("inspected_nets:Net", ["1x8x8:red"], "has no type 'red'"),
    ("inspected_nets:none", ["3"], "inspected_nets:none gave list and no model; it must give a torch.nn.Module"),
    ("inspected_nets:number", ["3"], "inspected_nets has no function 'number'"),
    ("inspected_nets:absent", ["3"], "inspected_nets has no function 'absent'"),
    ("nets", ["3"], "'nets' is not MODULE:FACTORY"),
])
@pytest.mark.usefixtures("here")
def test_bad_input_is_an_error_that_says_what_is_possible(capsys, target, shapes, says):
    with pytest.raises(GradwellError) as refused:
        inspect(target, shapes)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert capsys.readouterr().out == ""


def test_bad_input_ends_in_one_line_and_no_traceback(folder):
    done = gradwell("inspect", "inspected_nets:Net", "--input", "3x8x8", "--json", "none.json", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gradwell: the model fails at 0 (Conv2d), which got (1, 3, 8, 8): RuntimeError: ")
    assert done.stderr.count("\n") == 1
    assert not (folder / "none.json").exists()
