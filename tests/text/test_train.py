"""Training learns the same from the same, from any order and any source of text, and stops and goes on where it is told to."""

import multiprocessing
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest

from gradwell.errors import DataError, ModelFileError, OptionError, TrainingError
from gradwell.text import files, load_model, train_supervised, train_unsupervised
from tests.text.oracle import KINDS, LOSSES, answers, corpus, data, texts_of, written

OURS = {"verbose": 0, "thread": 1, "dim": 10, "lr": 0.5, "epoch": 4}
LINES = corpus(200, 4)


def same_bits(a, b):
    """Whether two models are the same in every number."""
    a, b = a.model, b.model
    assert a.dictionary.entries == b.dictionary.entries
    np.testing.assert_array_equal(a.dictionary.counts, b.dictionary.counts)
    np.testing.assert_array_equal(a.input, b.input)
    np.testing.assert_array_equal(a.output, b.output)


def accuracy(model, lines):
    return model.test(lines)[1]


# The same from the same


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_one_thread_and_a_seed_give_the_same_bits(loss, kind):
    def once(seed):
        return train_supervised(LINES, loss=loss, seed=seed, **OURS, **KINDS[kind])

    same_bits(once(3), once(3))
    assert (once(3).model.input != once(4).model.input).any()


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("loss", LOSSES)
def test_word_vectors_of_one_thread_and_a_seed_are_the_same_bits(model, loss):
    def once(seed):
        return train_unsupervised(texts_of(LINES), model, loss=loss, minCount=2, bucket=500, seed=seed, **OURS)

    same_bits(once(3), once(3))
    assert (once(3).model.input != once(4).model.input).any()


def trained_bits(seed):
    """In a process of its own."""
    model = train_supervised(LINES, seed=seed, **OURS, wordNgrams=2, bucket=1000).model
    return model.input.tobytes(), model.output.tobytes()


def test_another_process_gives_the_same_bits():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(trained_bits, (7,)) == trained_bits(7)


@pytest.mark.parametrize("loss", LOSSES)
def test_several_threads_learn_as_well(loss):
    lines = corpus(2000, 4)
    one, two = (accuracy(train_supervised(lines, loss=loss, **{**OURS, "thread": thread}), lines) for thread in (1, 2))
    assert one > 0.9
    assert two > 0.8  # a thread that waits for a busy core comes back with what it learned from an older model


@pytest.mark.parametrize("loss", LOSSES)
def test_a_sorted_text_is_learned_as_well_as_a_shuffled_one(loss):
    lines = corpus(2000, 4)
    shuffled = random.Random(1).sample(lines, len(lines))
    scores = [accuracy(train_supervised(text, loss=loss, **OURS), lines) for text in (sorted(lines), shuffled)]
    assert min(scores) > 0.9
    assert abs(scores[0] - scores[1]) < 0.03


def test_questions_are_learned_as_upstream_learns_them():
    fasttext = pytest.importorskip("fasttext")
    train, test = str(data("text/trec.train.txt")), str(data("text/trec.test.txt"))
    options = {"lr": 0.5, "epoch": 10, "dim": 20, "verbose": 0, "wordNgrams": 2, "bucket": 50_000}
    ours = train_supervised(train, thread=1, **options).test(test)
    theirs = fasttext.train_supervised(train, thread=12, **options).test(test)
    assert ours[0] == theirs[0] == 500
    assert ours[1] > theirs[1] - 0.03
    assert ours[1] > 0.8


def test_vectors_of_words_used_alike_are_near():
    rng = random.Random(0)
    pets, cars = ["cat", "dog", "mouse"], ["truck", "bus", "van"]
    both = ((pets, "eats"), (cars, "drives"))
    lines = [f"the {rng.choice(group)} {verb} here and the {rng.choice(group)} {verb} there" for _ in range(600) for group, verb in both]
    for model in ("skipgram", "cbow"):
        vectors = train_unsupervised(lines, model, minn=0, maxn=0, t=1, **{**OURS, "epoch": 8, "lr": 0.1})
        assert {name for _, name in vectors.get_nearest_neighbors("cat", 2)} == {"dog", "mouse"}, model


# Any source of text


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return written(tmp_path_factory.mktemp("train") / "text.txt", LINES)


def columns():
    yield "list", LINES
    yield "tuple", tuple(LINES)
    yield "iterator", iter(LINES)
    yield "generator", (line for line in LINES)
    yield "NumPy of str", np.array(LINES)
    yield "NumPy of objects", np.array(LINES, object)
    pandas, arrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    yield "pandas", pandas.Series(LINES, index=range(5, 5 + len(LINES)))
    yield "pandas of Arrow", pandas.Series(LINES, dtype=pandas.ArrowDtype(arrow.string()))
    yield "Arrow", arrow.array(LINES)
    yield "Arrow in chunks", arrow.chunked_array([LINES[:50], LINES[50:]])


def test_every_source_of_the_same_text_gives_the_same_model(path):
    expected = train_supervised(path, **OURS)
    assert accuracy(expected, path) > 0.9
    same_bits(train_supervised(Path(path), **OURS), expected)
    for name, source in columns():
        model = train_supervised(source, **OURS)
        assert model.words == expected.words, name
        same_bits(model, expected)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_read_to_its_end(path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = multiprocessing.get_context("fork").Process(target=copy, args=(path, tmp_path / "pipe"))
    writer.start()
    same_bits(train_supervised(tmp_path / "pipe", **OURS), train_supervised(path, **OURS))
    writer.join()


def copy(source, target):
    with open(source, "rb") as one, open(target, "wb") as other:
        other.write(one.read())


def test_labels_may_be_given_apart():
    labels = [line.split()[0].removeprefix("__label__") for line in LINES]
    apart = train_supervised(texts_of(LINES), labels=labels, **OURS)
    within = train_supervised(LINES, **OURS)
    assert sorted(apart.labels) == sorted(within.labels)
    assert accuracy(apart, LINES) > 0.9
    by_name = dict(zip(*within.get_labels(include_freq=True), strict=True))
    assert dict(zip(*apart.get_labels(include_freq=True), strict=True)) == by_name
    several = train_supervised(["x y", "z"], labels=[["a", "b"], ["b"]], **OURS)
    assert dict(zip(*several.get_labels(include_freq=True), strict=True)) == {"__label__a": 1, "__label__b": 2}


def test_a_text_may_hold_what_looks_like_a_label_where_labels_are_given_apart():
    model = train_supervised(["__label__b x", "__label__a y"] * 20, labels=["a", "b"] * 20, **OURS)
    assert model.predict(["x", "y", "__label__b x"])[0] == [["__label__a"], ["__label__b"], ["__label__a"]]


@pytest.mark.parametrize("labels", [["a"], ["a"] * 3, []])
def test_a_wrong_number_of_labels_is_an_error(labels):
    with pytest.raises(DataError, match=f"labels has {len(labels)} entries; there are 2 lines"):
        train_supervised(["x", "y"], labels=labels, **OURS)


# Weights


def share_of(model, text, label):
    return answers(model, [text])[0][label]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_heavier_line_pulls_like_two(loss):
    lines = ["__label__a x", "__label__b x"] * 30
    options = {**OURS, "lr": 0.2, "epoch": 30}
    even = share_of(train_supervised(lines, loss=loss, **options), "x", "__label__a")
    heavy = share_of(train_supervised(lines, loss=loss, sample_weight=[2, 1] * 30, **options), "x", "__label__a")
    twice = share_of(train_supervised([*lines, *lines[::2]], loss=loss, **options), "x", "__label__a")
    assert even < 0.6
    assert heavy > even + 0.08
    assert abs(heavy - twice) < 0.06


@pytest.mark.parametrize("loss", LOSSES)
def test_a_line_without_weight_teaches_nothing(loss):
    lines = ["__label__a x", "__label__b y", "__label__b x", "__label__a y"] * 20
    model = train_supervised(lines, loss=loss, sample_weight=[1, 1, 0, 0] * 20, **OURS)
    assert accuracy(model, ["__label__a x", "__label__b y"]) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_equal_weights_change_nothing(loss):
    same_bits(train_supervised(LINES, loss=loss, sample_weight=np.ones(len(LINES)), **OURS), train_supervised(LINES, loss=loss, **OURS))
    labels = dict.fromkeys(train_supervised(LINES, **OURS).labels, 1.0)
    same_bits(train_supervised(LINES, loss=loss, class_weight=labels, **OURS), train_supervised(LINES, loss=loss, **OURS))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_heavier_class_is_answered_more_often(loss):
    lines = ["__label__a x y"] * 90 + ["__label__b x z"] * 30
    options = {**OURS, "lr": 0.2}
    plain = share_of(train_supervised(lines, loss=loss, **options), "x", "__label__b")
    heavy = share_of(train_supervised(lines, loss=loss, class_weight={"__label__b": 4}, **options), "x", "__label__b")
    balanced = share_of(train_supervised(lines, loss=loss, class_weight="balanced", **options), "x", "__label__b")
    assert heavy > plain + 0.05
    assert balanced > plain + 0.03


def test_weights_that_are_not_possible_are_an_error():
    for weight, what in (([1], "shape"), (["a"] * 200, "sample_weight"), ([-1.0] * 200, "negative"), ([float("nan")] * 200, "finite")):
        with pytest.raises(OptionError, match=what):
            train_supervised(LINES, sample_weight=weight, **OURS)
    for weight, what in (({"no": 1}, "'no'"), ({"__label__0": "a"}, "'a'"), ("even", "'even'"), ({"__label__0": -1}, "negative")):
        with pytest.raises(OptionError, match=what):
            train_supervised(LINES, class_weight=weight, **OURS)


# Validation, callbacks, checkpoints


def test_the_model_of_the_best_epoch_is_returned():
    rng = random.Random(0)
    noise = [f"__label__{rng.randrange(4)} {' '.join(texts_of([line]))}" for line in corpus(150, 4, seed=5)]
    validation = corpus(150, 4, seed=9)
    seen = {}
    model = train_supervised(
        LINES + noise, validation=validation, callbacks=[lambda epoch, now: seen.update({epoch.epoch: now.test(validation).f1()})],
        **{**OURS, "epoch": 25, "lr": 2.0},
    )
    assert [epoch.validation["f1"] for epoch in model.history] == list(seen.values())
    best = max(seen, key=lambda number: (seen[number], -number))
    assert model.model.test(validation).f1() == seen[best] == max(seen.values())
    assert max(epoch.epoch for epoch in model.history if epoch.best) == best


def test_patience_ends_a_training_that_gets_no_better():
    lines = ["__label__a x", "__label__b y"] * 20
    model = train_supervised(lines, validation=lines, patience=3, **{**OURS, "epoch": 50, "lr": 1.0})
    best = max(epoch.epoch for epoch in model.history if epoch.best)
    assert len(model.history) == best + 3
    assert model.model.test(lines).f1() == 1


def test_the_history_tells_of_every_epoch():
    model = train_supervised(LINES, **OURS)
    assert [epoch.epoch for epoch in model.history] == [1, 2, 3, 4]
    losses = [epoch.loss for epoch in model.history]
    assert losses == sorted(losses, reverse=True)
    assert all(epoch.words_per_second > 0 and epoch.validation is None and epoch.best for epoch in model.history)


def test_a_callback_sees_each_epoch_and_stops_training():
    seen = []

    def look(epoch, model):
        seen.append((epoch.epoch, model.predict(["the1"])[0].shape))
        return epoch.epoch == 2

    model = train_supervised(LINES, callbacks=[look], **OURS)
    assert seen == [(1, (1, 1)), (2, (1, 1))]
    assert len(model.history) == 2


def test_a_callback_that_only_looks_changes_nothing():
    same_bits(train_supervised(LINES, callbacks=[lambda epoch, model: model.predict(LINES)], **OURS), train_supervised(LINES, **OURS))


def interrupt(epoch, _model):
    if epoch.epoch == 2:
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path, loss, kind):
    pytest.importorskip("safetensors")
    options = {**OURS, **KINDS[kind], "loss": loss}
    with pytest.raises(KeyboardInterrupt):
        train_supervised(LINES, checkpoint=tmp_path / "saved.safetensors", callbacks=[interrupt], **options)
    resumed = train_supervised(LINES, checkpoint=tmp_path / "saved.safetensors", **options)
    same_bits(resumed, train_supervised(LINES, **options))
    assert [epoch.epoch for epoch in resumed.history] == [1, 2, 3, 4]


def die(epoch, _model):
    if epoch.epoch == 3:
        os.kill(os.getpid(), signal.SIGKILL)


def train_and_die(path):
    train_supervised(LINES, checkpoint=path, callbacks=[die], **OURS)


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path):
    pytest.importorskip("safetensors")
    process = multiprocessing.get_context("spawn").Process(target=train_and_die, args=(str(tmp_path / "saved.safetensors"),))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["saved.safetensors"]
    assert len(load_model(tmp_path / "saved.safetensors").history) == 3
    same_bits(train_supervised(LINES, checkpoint=str(tmp_path / "saved.safetensors"), **OURS), train_supervised(LINES, **OURS))


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_interrupted_word_vectors_go_on_to_the_same_bits(tmp_path, model):
    pytest.importorskip("safetensors")
    options = {**OURS, "minCount": 2, "bucket": 500}
    with pytest.raises(KeyboardInterrupt):
        train_unsupervised(texts_of(LINES), model, checkpoint=tmp_path / "saved.safetensors", callbacks=[interrupt], **options)
    resumed = train_unsupervised(texts_of(LINES), model, checkpoint=tmp_path / "saved.safetensors", **options)
    same_bits(resumed, train_unsupervised(texts_of(LINES), model, **options))


def test_an_interrupted_training_remembers_its_best_epoch(tmp_path):
    pytest.importorskip("safetensors")
    validation = corpus(60, 4, seed=9)
    options = {**OURS, "epoch": 12, "lr": 3.0}
    whole = train_supervised(LINES, validation=validation, **options)
    with pytest.raises(KeyboardInterrupt):
        train_supervised(LINES, validation=validation, checkpoint=tmp_path / "saved.safetensors", callbacks=[interrupt], **options)
    resumed = train_supervised(LINES, validation=validation, checkpoint=tmp_path / "saved.safetensors", **options)
    same_bits(resumed, whole)
    assert [epoch.validation for epoch in resumed.history] == [epoch.validation for epoch in whole.history]
    assert [epoch.best for epoch in resumed.history] == [epoch.best for epoch in whole.history]


def test_a_finished_checkpoint_is_the_model(tmp_path):
    pytest.importorskip("safetensors")
    model = train_supervised(LINES, checkpoint=tmp_path / "saved.safetensors", **OURS)
    assert answers(load_model(tmp_path / "saved.safetensors"), LINES[:10]) == answers(model, LINES[:10])
    same_bits(train_supervised(LINES, checkpoint=tmp_path / "saved.safetensors", **OURS), model)


@pytest.mark.parametrize("change", [{"dim": 9}, {"lr": 0.4}, {"seed": 5}, {"loss": "ova"}, {"input": LINES[1:]}])
def test_a_checkpoint_of_something_else_is_an_error(tmp_path, change):
    pytest.importorskip("safetensors")
    train_supervised(LINES, checkpoint=tmp_path / "saved.safetensors", **OURS)
    changed = {"input": LINES, **OURS, **change}
    with pytest.raises(ModelFileError, match="another text or of other options"):
        train_supervised(checkpoint=tmp_path / "saved.safetensors", **changed)


# Going on from a model


@pytest.mark.parametrize("loss", ["softmax", "ns", "ova"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_goes_on_with_new_words_and_labels(loss, kind):
    options = {**OURS, **KINDS[kind], "loss": loss, "epoch": 15}
    first = train_supervised(["__label__a red round", "__label__b blue square"] * 30, **options)
    new = ["__label__c green flat", "__label__a red round", "__label__b blue square"] * 30
    second = train_supervised(new, start=first, **options)
    assert second.words[: len(first.words)] == first.words
    assert second.labels[: len(first.labels)] == first.labels
    assert set(second.words) == {*first.words, "green", "flat"}
    assert second.predict(["red round", "blue square", "green flat"])[0] == [["__label__a"], ["__label__b"], ["__label__c"]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_model_that_goes_on_for_no_epoch_stays_as_it_is(tmp_path, loss, kind):
    options = {**OURS, **KINDS[kind], "loss": loss}
    first = train_supervised(LINES, **options)
    first.save_model(tmp_path / "first.bin")
    for start in (first, first.model, load_model(tmp_path / "first.bin")):
        again = train_supervised(LINES, start=start, **{**options, "epoch": 0})
        for one, other in zip(answers(again, LINES[:20]), answers(first, LINES[:20]), strict=True):
            assert one.keys() == other.keys()
            np.testing.assert_allclose(list(one.values()), [other[label] for label in one], atol=1e-6)


def test_word_vectors_go_on_with_new_words():
    first = train_unsupervised(texts_of(LINES), minCount=2, bucket=500, **OURS)
    second = train_unsupervised([*texts_of(LINES), *["new words here"] * 5], minCount=2, bucket=500, start=first, **{**OURS, "epoch": 0})
    assert second.words[: len(first.words)] == first.words
    assert {"new", "words", "here"} <= set(second.words)
    np.testing.assert_allclose(second["the1"], first["the1"], atol=1e-6)


def test_a_model_cannot_go_on_as_something_else():
    first = train_supervised(LINES, **OURS)
    for change in ({"dim": 9}, {"loss": "ova"}, {"wordNgrams": 2}, {"minn": 2, "maxn": 3}):
        with pytest.raises(OptionError, match=next(iter(change))):
            train_supervised(LINES, start=first, **{**OURS, **change})
    tree = train_supervised(LINES, loss="hs", **OURS)
    with pytest.raises(OptionError, match="__label__new"):
        train_supervised([*LINES, "__label__new x"], start=tree, loss="hs", **OURS)


# What cannot be


@pytest.mark.parametrize("loss", LOSSES)
def test_a_rate_far_too_high_is_an_error_or_stays_finite(loss):
    try:
        model = train_supervised(LINES, loss=loss, **{**OURS, "lr": 1e6})
    except TrainingError as error:
        assert "lr=1e+06 is too high" in str(error)  # noqa: PT017 - both outcomes are right
    else:
        assert np.isfinite(model.model.output).all()
        assert np.isfinite(model.model.input).all()


def test_numbers_that_run_away_are_an_error():
    with pytest.raises(TrainingError, match=r"lr=100 is too high, try 10"):
        train_unsupervised(corpus(300), "cbow", loss="softmax", minCount=1, minn=0, maxn=0, **{**OURS, "lr": 100.0, "epoch": 20})


BAD = [
    ({"dim": 0}, "dim"), ({"epoch": -1}, "epoch"), ({"lr": -1}, "lr"), ({"lr": float("nan")}, "lr"), ({"lr": "fast"}, "fast"),
    ({"thread": 10_000}, "thread"), ({"thread": -1}, "thread"),
    ({"wordNgrams": 2, "bucket": 0}, "bucket"), ({"wordNgrams": 0}, "wordNgrams"), ({"loss": "hinge"}, "hinge"),
    ({"minn": 5, "maxn": 2}, "minn"), ({"dim": 2.5}, "2.5"), ({"patience": 2}, "patience"), ({"bucket": 2**40}, "bucket"),
]


@pytest.mark.parametrize(("options", "what"), BAD, ids=str)
def test_an_impossible_option_is_an_error(options, what):
    with pytest.raises(OptionError, match=what):
        train_supervised(LINES, **{**OURS, **options})


def test_an_unknown_option_is_named():
    with pytest.raises(TypeError, match="'speed'"):
        train_supervised(LINES, speed=5)
    with pytest.raises(TypeError, match="multiple values for argument 'minCount'"):
        train_supervised(LINES, minCount=1, min_count=2)


@pytest.mark.parametrize("lines", [[], [""], ["", " "], ["no label"], ["__label__a"] * 0])
def test_lines_with_nothing_to_learn_are_an_error(lines):
    with pytest.raises(DataError):
        train_supervised(lines, **OURS)
    if lines != ["no label"]:
        with pytest.raises(DataError):
            train_unsupervised(lines, **{**OURS, "minCount": 5})


@pytest.mark.parametrize("loss", LOSSES)
def test_one_label_is_learned(loss):
    model = train_supervised(["__label__a x", "__label__a y"], loss=loss, **OURS)
    assert model.predict("x")[0] == ("__label__a",)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_epoch_leaves_the_start(loss, tmp_path):
    model = train_supervised(LINES, loss=loss, **{**OURS, "epoch": 0})
    assert model.history == []
    assert np.isfinite(model.model.input).all()
    assert np.isfinite(model.model.output).all()
    model.save_model(tmp_path / "model.bin")
    assert files.load(tmp_path / "model.bin").labels == model.labels


def test_a_line_of_a_megabyte_is_learned():
    rng = random.Random(0)
    long = "__label__a " + " ".join(f"w{rng.randrange(1000)}" for _ in range(200_000))
    model = train_supervised([long, "__label__b other words"], wordNgrams=2, bucket=5000, **OURS)
    assert model.test([long])[0] == 1
    assert sum(model.get_words(include_freq=True)[1]) == 200_000 + 4
    word = train_supervised(["__label__a " + "x" * 1_000_000, "__label__b y"], minn=2, maxn=3, bucket=100, **OURS)
    assert word.predict("y")[0] == ("__label__b",)
