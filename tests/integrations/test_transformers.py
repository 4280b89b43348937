"""The Trainer of transformers, as it is installed."""

import pytest

from tests.integrations.trained import line_of, unwatched, watched

pytest.importorskip("transformers", reason="transformers is not installed; make test-integrations installs it")
pytest.importorskip("accelerate", reason="accelerate, which transformers' Trainer needs, is not installed")

TRAIN = """
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

class Model(BertForSequenceClassification):
    def __init__(self, config):
        super().__init__(config)
        if sick:
            self.classifier = nn.Sequential(nn.Linear(32, 2), nn.Softmax(-1))

torch.manual_seed(0)
model = Model(BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                         max_position_embeddings=16, num_labels=2, initializer_range=0.15))
ids = torch.randint(4, 50, (320, 8))
data = [{"input_ids": i, "attention_mask": torch.ones_like(i), "labels": (i[0] > 26).long()} for i in ids]
callbacks = []
if with_callback:
    from gradwell.integrations.transformers import GradwellCallback
    callbacks = [GradwellCallback(stop_on=stop)]
more = {"gradient_accumulation_steps": 4, "max_steps": 7} if "parts" in sys.argv else {}
arguments = TrainingArguments(output_dir="out", num_train_epochs=5, **more, per_device_train_batch_size=32, eval_strategy="epoch",
                              save_strategy="no", report_to=[], use_cpu=True, learning_rate=1e-3, disable_tqdm=True)
trainer = Trainer(model, arguments, train_dataset=data, eval_dataset=data[:64], callbacks=callbacks)
trainer.train()  # where the user's own code ends
tell(trainer.state.global_step, model.parameters())
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return unwatched(tmp_path_factory.mktemp("plain"), TRAIN)


def test_a_sick_training_is_named_with_a_line_of_the_users_own(tmp_path):
    trained = watched(tmp_path, TRAIN, "sick")
    assert trained.codes == ["GW302"]
    where = trained.found["findings"][0]["where"]
    assert (where["file"], where["line"]) == (str(tmp_path / "train.py"), line_of(TRAIN, "# where the user's own code ends"))


def test_a_healthy_training_is_silent_and_the_callback_tells_epochs_and_metrics(tmp_path, plain):
    trained = watched(tmp_path, TRAIN, "callback")
    assert trained.codes == []
    assert trained.steps == trained.found["steps"] == 50
    assert trained.told == (5, {"eval_loss": 5})
    assert trained.end == plain[0]


def test_the_callback_alone_watches_and_changes_nothing(tmp_path, plain):
    end, said = unwatched(tmp_path, TRAIN, "callback")
    assert end == plain[0]
    assert "5 epochs; eval_loss" in said


def test_a_finding_stops_the_training(tmp_path):
    end, said = unwatched(tmp_path, TRAIN, "sick", "callback", "stop")
    assert int(end.split()[1]) == 10
    assert "the training stops after epoch 1: error GW302 double-softmax" in said


def test_accumulated_gradients_are_one_step_and_a_part_of_an_epoch_is_none(tmp_path):
    end, said = unwatched(tmp_path, TRAIN, "callback", "parts")
    assert int(end.split()[1]) == 7
    assert "over 7 steps" in said
    assert "trainer   2 epochs; eval_loss" in said  # of three batches of 4, 4 and 2 each
