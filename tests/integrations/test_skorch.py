"""skorch, as it is installed."""

import pytest

from gradwell.errors import OptionError
from tests.integrations.trained import line_of, unwatched, watched

pytest.importorskip("skorch", reason="skorch is not installed; make test-integrations installs it")

TRAIN = """
import copy, pickle
from sklearn.base import clone
from skorch import NeuralNetClassifier

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(8, 32)  # the hidden layer
        self.out = nn.Linear(32, 3)
        if sick and "softmax" not in sys.argv:
            nn.init.constant_(self.hidden.bias, -100.0)
    def forward(self, x):
        out = self.out(torch.relu(self.hidden(x)))
        return out.softmax(-1) if "softmax" in sys.argv else out

callbacks = []
if with_callback:
    from gradwell.integrations.skorch import GradwellCallback
    callbacks = [("gradwell", GradwellCallback(stop_on=stop))]
net = NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=0.01, max_epochs=5, batch_size=32, verbose=0,
                          callbacks=callbacks)
net = clone(net)
net.fit(x.numpy(), y.numpy())
clone(net)
for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
    assert (copied.predict(x.numpy()) == net.predict(x.numpy())).all()
tell(sum("train_loss" in batch for row in net.history for batch in row["batches"]), net.module_.parameters())
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return unwatched(tmp_path_factory.mktemp("plain"), TRAIN)


def test_a_sick_training_is_named_with_its_layer_and_the_line_that_builds_it(tmp_path):
    trained = watched(tmp_path, TRAIN, "sick")
    assert trained.codes == ["GW101"]
    where = trained.found["findings"][0]["where"]
    assert where == {"module": "hidden", "file": str(tmp_path / "train.py"), "line": line_of(TRAIN, "# the hidden layer")}


def test_a_healthy_training_is_silent_and_the_callback_tells_epochs_and_metrics(tmp_path, plain):
    trained = watched(tmp_path, TRAIN, "callback")
    assert trained.codes == []
    assert trained.steps == trained.found["steps"] == 40
    assert trained.told == (5, {"train_loss": 5, "valid_acc": 5, "valid_loss": 5})
    assert trained.end == plain[0]


def test_the_callback_alone_watches_and_changes_nothing(tmp_path, plain):
    end, said = unwatched(tmp_path, TRAIN, "callback")
    assert end == plain[0]
    assert "5 epochs; train_loss" in said


def test_before_a_net_is_trained_there_is_no_report():
    from gradwell.integrations.skorch import GradwellCallback

    with pytest.raises(OptionError, match="nothing was watched yet"):
        GradwellCallback().report()


def test_a_finding_stops_the_training(tmp_path):
    end, said = unwatched(tmp_path, TRAIN, "sick", "softmax", "callback", "stop")
    assert int(end.split()[1]) == 8
    assert "the training stops after epoch 1: error GW302 double-softmax" in said
