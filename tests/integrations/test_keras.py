"""Keras on torch, as it is installed."""

import os
from importlib.util import find_spec

import pytest

from tests.command import python
from tests.integrations.trained import unwatched, watched

if find_spec("keras") is None:  # to import it here would ask for its default backend
    pytest.skip("Keras is not installed; make test-integrations installs it", allow_module_level=True)

TORCH = {"KERAS_BACKEND": "torch", "HOME": os.environ.get("HOME", "/root")}
TRAIN = """
import keras
from keras import layers
from keras.losses import SparseCategoricalCrossentropy

keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((8,)),
    layers.Dense(32, activation="relu", bias_initializer=keras.initializers.Constant(-100.0 if sick else 0.0)),
    layers.BatchNormalization() if "full" in sys.argv else layers.Identity(),
    layers.Dropout(0.1 if "full" in sys.argv else 0.0),
    layers.Dense(3, name="head")])  # where the model is built
optimizer = keras.optimizers.Adam(0.01, gradient_accumulation_steps=2 if "accumulate" in sys.argv else None)
model.compile(optimizer=optimizer, loss=SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
if "nan" in sys.argv:
    x[:] = float("nan")
callbacks = []
if with_callback:
    from gradwell.integrations.keras import GradwellCallback
    callbacks = [GradwellCallback(stop_on=stop)]
model.fit(x.numpy(), y.numpy(), batch_size=32, epochs=5, validation_data=(x[:64].numpy(), y[:64].numpy()), verbose=0, callbacks=callbacks)
tell(int(model.optimizer.iterations), [w.value for w in model.weights])
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return unwatched(tmp_path_factory.mktemp("plain"), TRAIN, env=TORCH)


def test_a_sick_training_is_named_with_its_layer_and_the_line_that_builds_it(tmp_path):
    trained = watched(tmp_path, TRAIN, "sick", env=TORCH)
    assert trained.codes == ["GW101"]
    where = trained.found["findings"][0]["where"]
    assert where["module"] == "dense"
    assert where["file"] == str(tmp_path / "train.py")


def test_a_healthy_training_is_silent_and_its_own_optimizer_is_seen(tmp_path, plain):
    trained = watched(tmp_path, TRAIN, "callback", env=TORCH)
    assert trained.codes == []
    assert trained.steps == trained.found["steps"] == 50
    assert trained.told == (5, {"accuracy": 5, "loss": 5, "val_accuracy": 5, "val_loss": 5})
    assert trained.end == plain[0]
    ratios = [value for _, value in trained.record.series("update_ratio")]
    assert ratios
    assert all(0 < ratio < 1 for ratio in ratios)
    assert all(rate == pytest.approx(0.01) for _, rate in trained.record.series("learning_rate"))
    assert [site.module for site in trained.record.sites("parameter")] == ["dense.kernel", "head.kernel"]
    assert trained.found["learned"]["answer"] == "yes"
    assert trained.found["learned"]["trivial"] == pytest.approx(1.1, abs=0.05)


def test_normalisation_and_dropout_of_its_own_bring_no_false_finding(tmp_path):
    trained = watched(tmp_path, TRAIN, "full", env=TORCH)
    assert trained.codes == []
    assert trained.found["steps"] == 50


def test_accumulated_gradients_are_one_step(tmp_path):
    trained = watched(tmp_path, TRAIN, "accumulate", env=TORCH)
    assert trained.codes == []
    assert trained.found["steps"] == 25


def test_the_callback_alone_watches_and_changes_nothing(tmp_path, plain):
    end, said = unwatched(tmp_path, TRAIN, "callback", env=TORCH)
    assert end == plain[0]
    assert "5 epochs; accuracy" in said


def test_a_finding_stops_the_training(tmp_path):
    end, said = unwatched(tmp_path, TRAIN, "nan", "callback", "stop", env=TORCH)
    assert int(end.split()[1]) == 10
    assert "the training stops after epoch 1: error GW602 non-finite-input" in said


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed; without it Keras has no other backend to train with")
def test_another_backend_is_said_to_be_none_that_can_be_watched(tmp_path):
    begin = ("import sys, keras\nfrom gradwell.integrations.keras import GradwellCallback\ncallback = GradwellCallback()\n"
             "callback.on_train_begin()\ncallback.on_epoch_end(0, {'loss': 1.0})\ncallback.on_train_end()\n"
             "assert 'torch' not in sys.modules\n")
    done = python("-c", begin, cwd=tmp_path, env=TORCH | {"KERAS_BACKEND": "jax"})
    assert done.stderr == "gradwell: Keras did not train with torch but with jax, which cannot be watched; set KERAS_BACKEND=torch\n"
