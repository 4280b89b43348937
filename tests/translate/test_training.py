"""Training: by heart, again bit for bit, after an interruption, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from gradwell import translate
from gradwell.errors import DataError, ModelFileError, OptionError
from gradwell.translate import Beam, Options, Pairs, training
from tests.translate.conftest import SMALL, TEN

FEW = SMALL.with_(epochs=4)


def weights(translator):
    return torch.cat([weight.detach().flatten() for weight in translator.model.parameters()])


def test_ten_sentences_are_learned_by_heart(translator):
    assert [one.text for one in translator.translate(TEN.source)] == TEN.target
    assert [one.text for one in translator.translate(TEN.source, Beam(4))] == TEN.target


def test_alignments_of_some_sentences_are_kept_for_each_epoch(translator):
    seen = translator.alignments
    assert len(seen["weights"]) == len(translator.history)
    assert seen["sentences"][0]["source"][-1] == "</s>"
    first, last = (torch.tensor(seen["weights"][i][0]) for i in (0, -1))
    assert first.shape == last.shape == (len(seen["sentences"][0]["target"]), len(seen["sentences"][0]["source"]))
    assert last.max(1).values.mean() > first.max(1).values.mean(), "attention grows sharper as it learns"


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path):
    made = [
        translate.train(TEN, TEN, FEW.with_(seed=seed, dropout=0.2), tmp_path / str(i)) for i, seed in enumerate((0, 0, 1))
    ]
    assert torch.equal(weights(made[0]), weights(made[1]))
    assert not torch.equal(weights(made[0]), weights(made[2]))


INTERRUPTED = """
    import os, signal, sys
    import torch
    from gradwell import translate
    from gradwell.translate import learner
    from tests.translate.conftest import TEN
    from tests.translate.test_training import FEW
    torch.set_num_threads(1)
    original = learner.Learner.training_step
    def step(self, batch, i):
        global steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, batch, i)
    learner.Learner.training_step = step
    for last in (2, 7):
        steps = 0
        try:
            translate.train(TEN, TEN, FEW.with_(dropout=0.2), str(last))
            sys.exit("not interrupted")
        except KeyboardInterrupt:
            pass
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nobody interrupted."""
    return translate.train(TEN, TEN, FEW.with_(dropout=0.2), tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """The folder of the same training in another process, interrupted in step 2, and in another folder in step 7."""
    folder = tmp_path_factory.mktemp("interrupted")
    place = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", textwrap.dedent(INTERRUPTED)]
    result = subprocess.run(command, cwd=folder, env=place, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 130, result.stderr
    return folder


@pytest.mark.parametrize("step", [2, 7])
def test_an_interrupted_training_goes_on_and_ends_bit_for_bit_as_one_that_was_not(whole, interrupted, step):
    cut = interrupted / str(step)
    with pytest.raises(ModelFileError, match="its training was interrupted, and the same command goes on with it"):
        translate.load(cut)
    if step > 4:  # the first epoch is over
        with pytest.raises(ModelFileError, match="of other pairs or options"):
            translate.train(TEN, TEN, FEW.with_(dropout=0.3), cut)
    resumed = translate.train(TEN, TEN, FEW.with_(dropout=0.2), cut)
    assert torch.equal(weights(whole), weights(resumed))
    assert [epoch["loss"] for epoch in whole.history][-1] == resumed.history[-1]["loss"]


def test_training_stops_when_it_gets_no_better(tmp_path):
    made = translate.train(TEN, TEN, SMALL.with_(epochs=30, patience=2, lr=1e-9), tmp_path / "model")
    assert len(made.history) == 3


def test_a_folder_with_a_translator_is_left_alone(by_heart):
    before = (by_heart / "config.json").read_bytes()
    with pytest.raises(ModelFileError, match="already holds a model"):
        translate.train(TEN, TEN, FEW, by_heart)
    assert (by_heart / "config.json").read_bytes() == before


def test_pairs_that_are_all_too_long_are_refused(tmp_path):
    with pytest.raises(DataError, match="longer than 2 tokens"):
        translate.train(TEN, TEN, FEW.with_(longest=2), tmp_path / "model")


def test_a_sentence_of_thousands_of_tokens_is_translated(translator):
    assert translator.translate(["ein hund " * 2500])[0].text


def test_an_empty_sentence_stays_empty_and_unknown_characters_do_no_harm(translator):
    found = translator.translate(["", "ein mann geht .", "  ", "狗 🐕 \x00"])
    assert [found[0].text, found[1].text, found[2].text] == ["", "a man walks .", ""]


def test_a_true_translation_is_more_probable_than_another(translator):
    true, other = translator.force(["ein hund rennt schnell ."] * 2, ["a dog runs fast .", "a man reads a book ."])
    assert true.score > other.score + 5
    assert len(true.scores) == len(true.tokens)
    with pytest.raises(DataError, match="1 sentences and 2 references"):
        translator.force(["a"], ["b", "c"])


def test_saved_and_loaded_it_translates_the_same(translator, tmp_path):
    translator.save(tmp_path / "copy")
    again = translate.load(tmp_path / "copy")
    assert torch.equal(weights(translator), weights(again))
    assert [one.scores for one in again.translate(TEN.source)] == [one.scores for one in translator.translate(TEN.source)]


def damaged(by_heart, tmp_path, name, change):
    folder = tmp_path / "damaged"
    shutil.copytree(by_heart, folder)
    change(folder / name)
    return folder


@pytest.mark.parametrize(("name", "change", "says"), [
    ("config.json", lambda path: path.write_text("{"), "is not the configuration of a translator"),
    ("config.json", lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 9})), "of version 9"),
    ("config.json", lambda path: path.write_text(path.read_text().replace('"gru"', '"elman"')), "cell is 'elman'"),
    ("config.json", lambda path: path.write_text(path.read_text().replace('"hidden": 64', '"hidden": 32')), "does not hold the weights"),
    ("config.json", lambda path: path.unlink(), "holds no translator"),
    ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-100]), "does not hold the weights"),
    ("model.safetensors", lambda path: path.unlink(), "does not hold the weights"),
    ("source.json", lambda path: path.write_text("[]"), "holds no vocabulary"),
    ("target.json", lambda path: path.unlink(), "cannot be read"),
])  # fmt: skip
def test_a_damaged_folder_is_refused_and_the_file_named(by_heart, tmp_path, name, change, says):
    folder = damaged(by_heart, tmp_path, name, change)
    with pytest.raises(ModelFileError, match=says):
        translate.load(folder)


@pytest.mark.parametrize("wrong", [
    {"cell": "elman"}, {"attention": "glance"}, {"hidden": 5}, {"epochs": 0}, {"dropout": 1.0}, {"lr": float("nan")}, {"precision": "8"},
    {"source_units": "words"}, {"colour": 1},
], ids=str)  # fmt: skip
def test_options_that_are_not_possible_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        Options().with_(**wrong)


def test_the_best_epochs_are_averaged_only_where_that_translates_better(tmp_path):
    made = translate.train(TEN, TEN, SMALL.with_(epochs=12, average=3), tmp_path / "model")
    assert made.history[-1]["averaged_bleu"] >= max(epoch["bleu"] for epoch in made.history) - 1e-6


def test_characters_are_translated_too(tmp_path):
    pairs = Pairs(["一只狗", "一只猫", "两只狗", "两只猫"], ["a dog", "a cat", "two dogs", "two cats"])
    options = SMALL.with_(source_units="characters", target_units="subwords", epochs=80)
    made = translate.train(pairs, pairs, options, tmp_path / "model")
    assert [one.text for one in made.translate(pairs.source)] == pairs.target
    assert len(training.vocabularies(pairs, options)[0]) == 4 + 5
