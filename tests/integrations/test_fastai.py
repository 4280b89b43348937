"""fastai, as it is installed."""

import pytest

from tests.integrations.trained import line_of, unwatched, watched

pytest.importorskip("fastai.callback.core", reason="fastai is not installed; make test-integrations installs it")

TRAIN = """
import pickle
from functools import partial
from fastai.callback.schedule import lr_find  # noqa: F401 - gives Learner its lr_find
from fastai.learner import Learner
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.metrics import accuracy
from fastai.optimizer import OptimWrapper

data = list(zip(x, y))
loaders = DataLoaders(DataLoader(data, bs=32, shuffle=True, num_workers=0), DataLoader(data[:64], bs=64, num_workers=0))
model = nn.Sequential(
    nn.Linear(8, 32), nn.ReLU(),
    nn.Linear(32, 3), *([nn.Softmax(-1)] if sick else []))
callbacks = []
if with_callback:
    from gradwell.integrations.fastai import GradwellCallback
    callbacks = [GradwellCallback(stop_on=stop)]
more = {"opt_func": partial(OptimWrapper, opt=torch.optim.Adam)} if "wrapped" in sys.argv else {}
learner = Learner(loaders, model, loss_func=nn.CrossEntropyLoss(), metrics=accuracy, cbs=callbacks, **more)
if "search" in sys.argv:
    learner.lr_find(show_plot=False)
if "bare" in sys.argv:
    learner.remove_cbs([one for one in learner.cbs if type(one).__name__ in ("Recorder", "ProgressCallback")])
with learner.no_logging():
    learner.validate()  # is no training
    learner.fit(5, 0.01)  # where the user's own code ends
    steps = learner.train_iter
    learner.validate()
pickle.loads(pickle.dumps([one.live for one in callbacks]))  # as learner.export does
tell(steps, model.parameters())
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return unwatched(tmp_path_factory.mktemp("plain"), TRAIN)


def test_a_sick_training_is_named_with_a_line_of_the_users_own(tmp_path):
    trained = watched(tmp_path, TRAIN, "sick")
    assert trained.codes == ["GW302"]
    where = trained.found["findings"][0]["where"]
    assert (where["file"], where["line"]) == (str(tmp_path / "train.py"), line_of(TRAIN, "# where the user's own code ends"))


def test_a_healthy_training_is_silent_and_its_own_optimizer_is_seen(tmp_path, plain):
    trained = watched(tmp_path, TRAIN, "callback")
    assert trained.codes == []
    assert trained.steps == trained.found["steps"] == 50
    assert trained.told == (5, {"train_loss": 5, "valid_loss": 5, "accuracy": 5})
    assert trained.end == plain[0]
    ratios = [value for _, value in trained.record.series("update_ratio")]
    assert ratios
    assert all(0 < ratio < 1 for ratio in ratios)
    assert {value for _, value in trained.record.series("learning_rate")} == {0.01}


def test_a_wrapped_optimizer_of_torch_is_counted_once(tmp_path):
    assert watched(tmp_path, TRAIN, "wrapped").found["steps"] == 50


def test_the_callback_alone_watches_and_changes_nothing(tmp_path, plain):
    end, said = unwatched(tmp_path, TRAIN, "callback")
    assert end == plain[0]
    assert "5 epochs; train_loss" in said
    assert said.count("gradwell:") == 1


def test_a_learner_without_its_recorder_is_told_of_by_epochs_alone(tmp_path):
    _, said = unwatched(tmp_path, TRAIN, "callback", "bare")
    assert "trainer   5 epochs\n" in said


def test_a_search_for_a_learning_rate_is_no_training_of_the_callback(tmp_path):
    _, said = unwatched(tmp_path, TRAIN, "callback", "search")
    assert said.count("gradwell:") == 1
    assert "over 50 steps" in said


def test_a_finding_stops_the_training(tmp_path):
    end, said = unwatched(tmp_path, TRAIN, "sick", "callback", "stop")
    assert int(end.split()[1]) == 10
    assert "the training stops after epoch 1: error GW302 double-softmax" in said
