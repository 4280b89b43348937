"""Several processes train one translator together."""

import re

import pytest

from gradwell import translate
from gradwell.errors import ModelFileError, OptionError
from gradwell.folder import WEIGHTS
from gradwell.loop import ENDED, Processes
from tests.processes import TORCHRUN, ended_hard, finished, gone, start
from tests.translate.conftest import SMALL, TEN

SCRIPT = """
import os, sys, torch
from gradwell import translate
from gradwell.errors import GradwellError
from gradwell.loop import Processes, first
from gradwell.translate.batches import Batches
from tests.translate.conftest import SMALL, TEN

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # a line in one piece, as both write to the same pipe

pieces = Batches.pieces
def noted(self):
    found = pieces(self)
    if self.shuffle:
        say("SAW", self.turn, *sorted(i for piece in found for i in piece))
    return found

Batches.pieces = noted
torch.set_num_threads(1)
say("PID", os.environ.get("LOCAL_RANK", "0"), os.getpid())
pairs = translate.Pairs(TEN.source * 4, TEN.target * 4)
tell = (lambda epoch: say("EPOCH", f"{epoch['epoch']:g}")) if first() else None
try:
    made = translate.train(pairs, TEN, SMALL.with_(epochs=12, dropout=0.1), "model", tell, Processes(2))
except GradwellError as error:
    sys.exit(f"gradwell: {error}")
say("SUM", float(sum(weight.detach().double().sum() for weight in made.model.parameters())))
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("processes") / "train.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(scope="module")
def whole(script, tmp_path_factory):
    """What two processes under torchrun said, and the folder they made."""
    place = tmp_path_factory.mktemp("whole")
    process = start(*TORCHRUN, script, cwd=place)
    said = finished(process)
    assert process.returncode == 0, said
    return said, place / "model"


def test_two_processes_train_one_translator_and_both_have_it(whole):
    said, folder = whole
    assert len(re.findall("^SUM", said, re.MULTILINE)) == 2
    assert len(set(re.findall("^SUM.*", said, re.MULTILINE))) == 1, said
    assert said.count("EPOCH 1\n") == 1, "one of them tells"
    history = translate.load(folder).history
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]


def test_together_they_see_every_pair_once_an_epoch(whole):
    for turn in range(12):
        seen = [[int(i) for i in line.split()] for line in re.findall(rf"^SAW {turn} (.*)", whole[0], re.MULTILINE)]
        assert len(seen) == 2
        assert sorted(seen[0] + seen[1]) == list(range(40))


def test_a_killed_process_ends_the_others_in_one_line_and_the_same_command_goes_on_to_the_same_weights(script, whole, tmp_path):
    process = start(script, cwd=tmp_path)  # lightning starts the second one
    said = ended_hard(process, 1, after="EPOCH 5")
    said = finished(process, said)
    assert process.returncode not in (0, None), said
    assert f"gradwell: {ENDED}" in said
    assert "Traceback" not in said
    assert gone(said)
    pairs = translate.Pairs(TEN.source * 4, TEN.target * 4)
    with pytest.raises(ModelFileError, match="is of a training by 2 processes, and now there are 1; go on with 2"):
        translate.train(pairs, TEN, SMALL.with_(epochs=12, dropout=0.1), tmp_path / "model")
    again = start(script, cwd=tmp_path)
    said = finished(again)
    assert again.returncode == 0, said
    assert "EPOCH 4\n" not in said, "it goes on where it was"
    assert (tmp_path / "model" / WEIGHTS).read_bytes() == (whole[1] / WEIGHTS).read_bytes()


@pytest.mark.parametrize(("devices", "strategy", "said"), [
    (-1, "auto", "devices is -1; it must be 1 or more, or 0"),
    (2, "fsdp", "strategy is 'fsdp'; it can be auto, ddp"),
])
def test_processes_that_cannot_be_are_refused(devices, strategy, said):
    with pytest.raises(OptionError, match=said):
        Processes(devices, strategy)


def test_more_processes_than_batches_are_refused(tmp_path):
    with pytest.raises(OptionError, match="10 pairs cannot be dealt out to 64 processes"):
        translate.train(TEN, TEN, SMALL, tmp_path / "model", processes=Processes(64))
