"""Lightning's Trainer, as it is installed."""

import pytest

from gradwell.doctor.metrics import metrics
from tests.integrations.trained import line_of, unwatched, watched

pytest.importorskip("lightning", reason="Lightning is not installed; it comes with gradwell[dev]")

TRAIN = """
import logging
import lightning as L
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

class Classifier(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 32), nn.ReLU(),
            nn.Linear(32, 3), *([nn.Softmax(-1)] if sick else []))
    def training_step(self, batch, index):
        x, y = batch
        if failing and self.current_epoch == 1:
            raise RuntimeError("the user's own")
        self.log("epoch", float(self.current_epoch), on_step=False, on_epoch=True)
        return nn.functional.cross_entropy(self.net(x), y)  # the loss of training
    def on_train_epoch_end(self):
        self.log("late", float(self.current_epoch))
    def validation_step(self, batch, index):
        x, y = batch
        self.log("val_loss", nn.functional.cross_entropy(self.net(x), y))
        self.log("val_acc", (self.net(x).argmax(1) == y).float().mean())
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)

callbacks = []
if with_callback:
    from gradwell.integrations.lightning import GradwellCallback
    callbacks = [GradwellCallback(stop_on=stop)]
data = torch.utils.data.TensorDataset(x, y)
model = Classifier()
failing = False
def fit():
    trainer = L.Trainer(max_epochs=5, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                        accelerator="cpu", callbacks=callbacks)
    trainer.fit(model, torch.utils.data.DataLoader(data, 32, shuffle=True), torch.utils.data.DataLoader(data, 64))
    return trainer
trainer = fit()
tell(trainer.global_step, model.parameters())
if "again" in sys.argv:
    failing = True
    try:
        fit()
    except RuntimeError as error:
        print("caught:", error, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return unwatched(tmp_path_factory.mktemp("plain"), TRAIN)


def test_a_sick_training_is_named_with_the_line_of_its_loss(tmp_path):
    trained = watched(tmp_path, TRAIN, "sick")
    assert trained.codes == ["GW302"]
    where = trained.found["findings"][0]["where"]
    assert (where["file"], where["line"]) == (str(tmp_path / "train.py"), line_of(TRAIN, "# the loss of training"))


def test_a_healthy_training_is_silent_and_its_trainer_tells_epochs_and_metrics_by_itself(tmp_path, plain):
    trained = watched(tmp_path, TRAIN)
    assert trained.codes == []
    assert trained.steps == trained.found["steps"] == 50
    assert trained.told == (5, {"val_loss": 5, "val_acc": 5, "epoch": 5, "late": 5})
    assert trained.end == plain[0]
    told = {metric.name: metric.readings for metric in metrics(trained.record)}
    assert told["epoch"] == told["late"] == [(10, 0.0), (20, 1.0), (30, 2.0), (40, 3.0), (50, 4.0)]


def test_the_callback_alone_watches_and_changes_nothing_and_reports_a_failed_training_as_it_fails(tmp_path, plain):
    end, said = unwatched(tmp_path, TRAIN, "callback", "again")
    assert end == plain[0]
    before, caught, after = said.partition("caught: the user's own")
    _, whole, failed = before.split("gradwell: ")
    assert whole.startswith("all is well")
    assert "5 epochs; val_loss" in whole
    assert "over 10 steps" in failed
    assert caught
    assert "gradwell" not in after


def test_without_the_callback_nothing_is_watched(plain):
    assert "gradwell" not in plain[1]


def test_the_variable_asks_for_a_callback(tmp_path, plain):
    end, said = unwatched(tmp_path, TRAIN, env={"GRADWELL_WATCH": "1"})
    assert end == plain[0]
    assert "5 epochs; val_loss" in said


def test_a_finding_stops_the_training(tmp_path):
    end, said = unwatched(tmp_path, TRAIN, "sick", "callback", "stop")
    assert int(end.split()[1]) == 10
    assert "gradwell: the training stops after epoch 1: error GW302 double-softmax: Softmax is applied twice" in said
