"""Several processes train one classifier together."""

import re
import signal
from types import SimpleNamespace

import pytest
import torch

from gradwell import vision
from gradwell.errors import OptionError
from gradwell.folder import WEIGHTS
from gradwell.loop import ENDED, Processes, interruptible
from gradwell.vision.batches import Batches
from tests.processes import TORCHRUN, ended_hard, finished, gone, start
from tests.vision.conftest import SMALL, digits

SCRIPT = """
import os, sys, torch
from gradwell import vision
from gradwell.errors import GradwellError
from gradwell.loop import Processes, first
from tests.vision.conftest import SMALL, digits

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # a line in one piece, as both write to the same pipe

torch.set_num_threads(1)
say("PID", os.environ.get("LOCAL_RANK", "0"), os.getpid())
tell = (lambda epoch: say("EPOCH", f"{epoch['epoch']:g}")) if first() else None
try:
    made = vision.train(digits(0, 800), digits(1200, 1400), SMALL.with_(shift=0.1, epochs=5), "model", tell, Processes(2))
except GradwellError as error:
    sys.exit(f"gradwell: {error}")
say("SUM", float(sum(value.double().sum() for value in made.model.state_dict().values())))
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


def test_two_processes_train_one_classifier_and_both_have_it(whole):
    said, folder = whole
    assert len(re.findall("^SUM", said, re.MULTILINE)) == 2
    assert len(set(re.findall("^SUM.*", said, re.MULTILINE))) == 1, said
    assert said.count("EPOCH 1\n") == 1, "one of them tells"
    made = vision.load(folder)
    assert made.score(digits(1400, 1797)).accuracy > 0.7
    best = max(epoch["accuracy"] for epoch in made.history)
    assert made.score(digits(1200, 1400)).accuracy == pytest.approx(best), "what was measured is what was kept"


def test_a_killed_process_ends_the_other_in_one_line_and_the_same_command_goes_on_to_the_same_weights(script, whole, tmp_path):
    process = start(script, cwd=tmp_path)  # lightning starts the second one
    said = finished(process, ended_hard(process, 0, after="EPOCH 2"))
    assert process.returncode not in (0, None), said
    assert f"gradwell: {ENDED}" in said
    assert "Traceback" not in said
    assert gone(said)
    again = start(script, cwd=tmp_path)
    said = finished(again)
    assert again.returncode == 0, said
    assert "EPOCH 1\n" not in said, "it goes on where it was"
    assert (tmp_path / "model" / WEIGHTS).read_bytes() == (whole[1] / WEIGHTS).read_bytes()


@pytest.mark.parametrize(("count", "size", "world"), [(100, 16, 2), (100, 64, 3), (7, 32, 3)])
def test_no_image_is_seen_twice_in_an_epoch_by_whatever_process(count, size, world):
    images = digits(0, count)
    images.labels[:] = range(count)  # each tells which it is
    parts = [Batches(images, size, seed=0) for _ in range(world)]
    for rank, part in enumerate(parts):
        part.share(rank, world)
    seen = [torch.cat([labels for _, labels in part]).tolist() for part in parts]
    assert len({len(one) for one in seen}) == 1, "as many as any other"
    flat = sorted(i for one in seen for i in one)
    assert len(set(flat)) == len(flat) > count - world * size
    assert all(len(labels) >= 2 for _, labels in parts[-1])


def test_a_signal_to_one_of_several_processes_ends_each_after_the_same_step():
    def lightnings(*_):
        """It talks to the other processes at once, which are in the middle of a step."""

    def any_was_asked(mine, **how):
        return mine or not how["all"]  # another one was

    callbacks = []
    others = SimpleNamespace(strategy=SimpleNamespace(reduce_boolean_decision=any_was_asked))
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(callbacks) as came:
        ours = signal.signal(signal.SIGTERM, lightnings)
        callbacks[0].on_train_start()
        assert signal.getsignal(signal.SIGTERM) is ours
        callbacks[0].on_train_batch_end(others)
        pytest.fail("it goes on")
    assert came, "and so it ends as if it had been asked itself"
    assert signal.getsignal(signal.SIGTERM) is before


def test_more_processes_than_pairs_of_images_are_refused(tmp_path):
    with pytest.raises(OptionError, match="100 images cannot be dealt out to 64 processes"):
        vision.train(digits(0, 100), digits(100, 150), SMALL, tmp_path / "model", processes=Processes(64))
