"""Ignite, as it is installed."""

import pytest

from tests.integrations.trained import line_of, unwatched, watched

pytest.importorskip("ignite", reason="pytorch-ignite is not installed; make test-integrations installs it")

TRAIN = """
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy, Loss

model = nn.Sequential(
    nn.Linear(8, 32), nn.ReLU(),
    nn.Linear(32, 32), nn.ReLU(),  # the layer that nobody trains
    nn.Linear(32, 3), *([nn.Softmax(-1)] if stop else []))
held = [*model[0].parameters(), *model[4].parameters()] if sick and not stop else model.parameters()
optimizer = torch.optim.Adam(held, lr=0.01)
data = torch.utils.data.TensorDataset(x, y)
trainer = create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss())
evaluator = create_supervised_evaluator(model, {"accuracy": Accuracy(), "loss": Loss(nn.CrossEntropyLoss())})
trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: evaluator.run(torch.utils.data.DataLoader(data, 64)))
if with_callback:
    from gradwell.integrations.ignite import attach
    live = attach(trainer, model, optimizer, val=evaluator, stop_on=stop)
trainer.run(torch.utils.data.DataLoader(data, 32, shuffle=True), max_epochs=5)
tell(trainer.state.iteration, model.parameters())
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return unwatched(tmp_path_factory.mktemp("plain"), TRAIN)


def test_a_sick_training_is_named_with_its_layer_and_the_line_that_builds_it(tmp_path):
    trained = watched(tmp_path, TRAIN, "sick")
    assert trained.codes == ["GW208"]
    where = trained.found["findings"][0]["where"]
    assert where["module"].startswith("2.")
    assert where["file"] == str(tmp_path / "train.py")
    assert where["line"] == line_of(TRAIN, "# the layer that nobody trains")


def test_a_healthy_training_is_silent_and_evaluators_tell_their_metrics(tmp_path, plain):
    trained = watched(tmp_path, TRAIN, "callback")
    assert trained.codes == []
    assert trained.steps == trained.found["steps"] == 50
    assert trained.told == (5, {"val_accuracy": 5, "val_loss": 5})
    assert trained.end == plain[0]


def test_attached_alone_it_watches_and_changes_nothing(tmp_path, plain):
    end, said = unwatched(tmp_path, TRAIN, "callback")
    assert end == plain[0]
    assert "5 epochs; val_accuracy" in said


def test_a_finding_stops_the_training(tmp_path):
    end, said = unwatched(tmp_path, TRAIN, "sick", "callback", "stop")
    assert int(end.split()[1]) == 10
    assert "the training stops after epoch 1: error GW302 double-softmax" in said
    assert "GW302 double-softmax  loss" in said.split("the training stops")[1]  # the report at the end
