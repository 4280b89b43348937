"""Training: digits are learned, again bit for bit, after an interruption, and what is refused."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from gradwell import vision
from gradwell.errors import DataError, ModelFileError, OptionError
from gradwell.vision import Images, Options
from tests.vision.conftest import SMALL, digits

FEW = SMALL.with_(epochs=2, width=4, shift=0.1, flip=True, erase=0.5, dropout=0.2)


def weights(made):
    return torch.cat([value.detach().double().flatten() for value in made.model.state_dict().values()])


def test_digits_are_told_apart(classifier):
    assert classifier.score(digits(1400, 1797)).accuracy > 0.93


def test_the_mlp_tells_them_apart_too(tmp_path):
    made = vision.train(digits(0, 1200), digits(1200, 1400), SMALL.with_(network="mlp"), tmp_path / "m")
    assert made.score(digits(1400, 1797)).accuracy > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path):
    a, b, c = (weights(vision.train(digits(0, 200), digits(200, 260), FEW.with_(seed=seed), tmp_path / name))
               for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert a.equal(b)
    assert not a.equal(c)


def test_the_best_epoch_is_kept(tmp_path):
    made = vision.train(digits(0, 300), digits(300, 400), SMALL.with_(epochs=4), tmp_path / "m")
    assert made.score(digits(300, 400)).accuracy == max(epoch["accuracy"] for epoch in made.history)


def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path):
    options = FEW.with_(epochs=4)
    whole = weights(vision.train(digits(0, 200), digits(200, 260), options, tmp_path / "whole"))
    script = textwrap.dedent("""
        import os, signal
        from gradwell import vision
        from tests.vision.conftest import digits
        from tests.vision.test_training import FEW
        def tell(epoch):
            if epoch["epoch"] == 2:
                os.kill(os.getpid(), signal.SIGINT)
        vision.train(digits(0, 200), digits(200, 260), FEW.with_(epochs=4), "cut", tell)
    """)
    place = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=place, capture_output=True, text=True, timeout=120, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert "stopping after this step" in done.stderr
    with pytest.raises(ModelFileError, match="its training was interrupted, and the same command goes on with it"):
        vision.load(tmp_path / "cut")
    with pytest.raises(ModelFileError, match="holds a training of other images or options"):
        vision.train(digits(0, 200), digits(200, 260), options.with_(lr=0.1), tmp_path / "cut")
    assert weights(vision.train(digits(0, 200), digits(200, 260), options, tmp_path / "cut")).equal(whole)


def test_a_saved_classifier_says_the_same(classifier, folder, tmp_path):
    test = digits(1400, 1500)
    classifier.save(tmp_path / "copy")
    assert classifier.probabilities(test).equal(vision.load(tmp_path / "copy").probabilities(test))
    assert vision.load(folder).probabilities(test).equal(classifier.probabilities(test))


def test_one_image_alone_is_judged_as_among_others(classifier):
    test = digits(1400, 1500)
    alone = torch.cat([classifier.probabilities(test.some([i])) for i in range(20)])
    torch.testing.assert_close(alone, classifier.probabilities(test)[:20], rtol=1e-4, atol=1e-6)


def test_images_of_one_class_are_refused(tmp_path):
    one = Images(np.zeros((9, 1, 8, 8), np.uint8), np.zeros(9, np.int64), ("cat", "dog"), "pets")
    with pytest.raises(DataError, match="pets has only the class 'cat'; there must be two or more"):
        vision.train(one, one, SMALL, tmp_path / "m")


def test_images_of_another_size_are_not_predicted(classifier):
    large = Images(np.zeros((2, 1, 9, 8), np.uint8), np.zeros(2, np.int64), (), "x.npz")
    with pytest.raises(DataError, match=r"x.npz\[0\] is 8 x 9 pixels of 1 channels; the classifier was trained on 8 x 8 of 1"):
        classifier.predict(large)


def test_a_folder_with_a_model_is_not_written_over(folder):
    with pytest.raises(ModelFileError, match="already holds a model"):
        vision.train(digits(0, 200), digits(200, 260), FEW, folder)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / "config.json").write_text("{"), "is not the configuration of an image classifier"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x"), "does not hold the weights"),
        (lambda f: (f / "model.safetensors").unlink(), "does not hold the weights"),
        (lambda f: edit(f, version=2), "of version 2; this Gradwell reads"),
        (lambda f: edit(f, classes=["a"]), "does not hold the weights"),
        (lambda f: edit(f, options={"width": -1}), "states what is not possible"),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_named(classifier, tmp_path, damage, words):
    classifier.save(tmp_path / "m")
    damage(tmp_path / "m")
    with pytest.raises(ModelFileError, match=words):
        vision.load(tmp_path / "m")


def edit(folder, **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("name", "value"), [("width", 1), ("network", "vit"), ("lr", 0.0), ("dropout", 1.0), ("channels", 2), ("no", 1), ("epochs", 0)])
def test_impossible_options_are_refused(name, value):
    with pytest.raises(OptionError, match=name):
        Options().with_(**{name: value})
