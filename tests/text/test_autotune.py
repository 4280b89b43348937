import json
import math
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

import gradwell.text
from gradwell.errors import DataError, GradwellError, OptionError, TrainingError
from gradwell.text.autotune import Search, autotune
from gradwell.text.deadline import Hopeless, Watch
from gradwell.text.meter import Meter
from gradwell.text.options import SUPERVISED, build
from gradwell.text.scoring import Metric, size_of
from gradwell.text.searching import Space
from gradwell.text.train import Extras
from gradwell.text.training import Progress
from tests.processes import PLACE
from tests.text.oracle import corpus, data, texts_of, written

optuna = pytest.importorskip("optuna")

TRAIN, VALID = corpus(240, seed=1), corpus(60, seed=2)
LONG = 3600  # seconds, so that only the number of trials ends a search
SMALL = {"dim": 8, "bucket": 20_000, "thread": 1, "verbose": 0}


def tuned(lines=TRAIN, valid=VALID, trials=3, duration=LONG, extras=None, size="", metric="f1", k=1, **given):
    stored = {name: given.pop(name) for name in ("autotuneStorage", "autotuneStudy") if name in given}
    given = {"thread": 1, "verbose": 0} | given
    return autotune(
        lines, build(SUPERVISED, **given), extras or Extras(), given, autotuneValidationFile=valid, autotuneMetric=metric,
        autotunePredictions=k, autotuneDuration=duration, autotuneModelSize=size, trials=trials, **stored,
    )


def test_the_model_is_the_very_one_that_was_scored():
    model = tuned(trials=5, **SMALL)
    scores = [row["score"] for row in model.tuned["trials"] if row["score"] is not None]
    assert model.tuned["score"] == max(scores) == model.test(VALID).f1()
    best = model.tuned["trials"][model.tuned["trial"] - 1]
    assert best["score"] == model.tuned["score"]
    for name, value in model.tuned["parameters"].items():
        assert best[name] == value == getattr(model.options, name)


def test_the_first_trial_is_of_the_options_as_they_come():
    first = tuned(trials=1, lr=0.3, epoch=2).tuned["trials"][0]
    assert {name: first[name] for name in ("lr", "epoch", "dim", "wordNgrams", "minn", "maxn", "bucket", "loss")} == {
        "lr": 0.3, "epoch": 2, "dim": 100, "wordNgrams": 1, "minn": 0, "maxn": 0, "bucket": 0, "loss": "softmax",
    }


@pytest.mark.parametrize(
    "given", [{"lr": 0.7, "wordNgrams": 3}, {"minn": 3}, {"maxn": 2}, {"minn": 1, "maxn": 4}, {"dim": 5, "loss": "ova"}], ids=str
)
def test_what_was_given_stays_as_it_is(given):
    for row in tuned(trials=4, **(SMALL | {"epoch": 2} | given)).tuned["trials"]:
        assert {name: row[name] for name in given} == given
        assert row["minn"] in (0, 2, 3) or "minn" in given


def test_a_given_bucket_is_used_where_there_are_ngrams():
    for row in tuned(trials=5, bucket=500, epoch=2, dim=4).tuned["trials"]:
        assert row["bucket"] == (500 if row["wordNgrams"] > 1 or row["maxn"] > 0 else 0)


def test_without_a_bucket_there_are_no_ngrams():
    for row in tuned(trials=4, bucket=0, dim=4).tuned["trials"]:
        assert (row["wordNgrams"], row["maxn"], row["bucket"]) == (1, 0, 0)


def test_trials_stay_within_the_space():
    space = Space.of(SUPERVISED, frozenset(), None, True)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for parameters in space.first():
        study.enqueue_trial(parameters)
    for i in range(60):
        trial = study.ask()
        options, dsub = space.ask(trial)
        study.tell(trial, 0)
        assert 1 <= options.epoch <= 100
        assert 0.01 <= options.lr <= 5
        assert 1 <= options.dim <= 1000
        assert 1 <= options.wordNgrams <= 5
        assert options.minn in (0, 2, 3)
        assert options.maxn == (options.minn + 3 if options.minn else 0)
        assert 10_000 <= options.bucket <= 10_000_000 if options.hashed else options.bucket == 0
        assert dsub in (2, 4, 8, 16)
        assert i or options == SUPERVISED.with_()


def test_the_same_seed_finds_the_same_model():
    one, two, other = (tuned(trials=5, seed=seed, bucket=20_000) for seed in (1, 1, 2))
    assert [{**row, "seconds": 0} for row in one.tuned["trials"]] == [{**row, "seconds": 0} for row in two.tuned["trials"]]
    np.testing.assert_array_equal(one.input, two.input)
    assert one.tuned["trials"][-1]["lr"] != other.tuned["trials"][-1]["lr"]


@pytest.mark.parametrize("loss", ["softmax", "hs"])
def test_a_model_of_a_limited_size_is_no_larger_as_a_file(tmp_path, loss):
    fasttext = pytest.importorskip("fasttext")
    model = tuned(trials=4, size="20k", loss=loss, epoch=3, lr=0.5, bucket=20_000, dim=6)
    face = gradwell.text.FastText._FastText(model=model)
    face.save_model(tmp_path / "model.ftz")
    assert (tmp_path / "model.ftz").stat().st_size <= 20_000
    assert face.is_quantized()
    assert model.tuned["score"] == model.test(VALID).f1()
    assert model.tuned["parameters"]["dsub"] in (2, 4, 8, 16)
    upstream = fasttext.load_model(str(tmp_path / "model.ftz"))
    assert upstream.test(written(tmp_path / "valid.txt", VALID))[1] == pytest.approx(model.test(VALID).precision(), abs=0.04)


def test_with_many_labels_the_output_is_quantised_too():
    lines = [f"__label__{i % 300} word{i % 300} other{i % 7}" for i in range(900)]
    model = tuned(lines, lines[:50], trials=1, size="60k", dim=8, epoch=2)
    assert model.quantized_output is not None


def test_one_label_is_enough():
    model = tuned(["__label__a one two", "__label__a three"], ["__label__a one"], trials=3)
    assert model.tuned["score"] == 1.0
    assert len(model.tuned["trials"]) == 1  # nothing is better than perfect


def test_a_trial_that_diverges_is_left_out():
    with pytest.raises(TrainingError, match=r"none of 3 trials .* the loss became"):
        tuned(trials=3, lr=1e38, **SMALL)


def test_labels_apart_weights_and_early_stopping_work_in_every_trial():
    labels = [line.split(" ", 1)[0].removeprefix("__label__") for line in TRAIN]
    extras = Extras(labels=labels, class_weight="balanced", sample_weight=[1.0] * len(TRAIN), validation=VALID, patience=2)
    model = tuned(texts_of(TRAIN), trials=3, extras=extras, size="30k", **SMALL | {"epoch": 4})
    assert model.tuned["score"] == model.test(VALID).f1()
    assert sorted(model.labels) == sorted({f"__label__{label}" for label in labels})


def test_a_callback_sees_every_epoch_of_every_trial():
    seen = []
    extras = Extras(callbacks=[lambda epoch, model: seen.append(epoch.epoch)])
    tuned(trials=2, extras=extras, **SMALL | {"epoch": 3})
    assert seen == [1, 2, 3] * 2


def test_a_model_to_go_on_with_keeps_its_shape():
    start = gradwell.text.train_supervised(TRAIN, dim=7, wordNgrams=2, bucket=1000, epoch=1, thread=1, verbose=0).model
    model = tuned(trials=3, extras=Extras(start=start), dim=7, wordNgrams=2, bucket=1000)
    assert {(row["dim"], row["wordNgrams"], row["bucket"], row["maxn"]) for row in model.tuned["trials"]} == {(7, 2, 1000, 0)}


def test_an_interrupt_keeps_the_best_so_far(capsys):
    def stop(epoch, model):
        if epoch.epoch == 1:
            stop.trials += 1
        if stop.trials == 3:
            raise KeyboardInterrupt

    stop.trials = 0
    model = tuned(trials=9, extras=Extras(callbacks=[stop]), **SMALL | {"verbose": 1})
    assert len(model.tuned["trials"]) == 2
    assert "interrupted" in capsys.readouterr().err


def stored(name="study", **given):
    return tuned(**(SMALL | {"autotuneStorage": "sqlite:///study.db", "autotuneStudy": name} | given))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_search_in_a_database_goes_on_where_another_ended(here):
    first = stored(trials=2)
    assert [row["dim"] for row in first.tuned["trials"]] == [8, 8]
    second = stored(trials=4)
    assert second.tuned["trials"][:2] == first.tuned["trials"]
    assert len(second.tuned["trials"]) == 4
    scores = [row["score"] for row in second.tuned["trials"]]
    assert second.tuned["score"] == max(scores) == second.test(VALID).f1()


def test_the_best_model_of_another_process_is_trained_once_more(here, capsys):
    first = stored(trials=4, verbose=1)
    capsys.readouterr()
    again = stored(trials=4, verbose=1)
    assert "was another process's, and the best" in capsys.readouterr().err
    assert again.tuned["parameters"] == first.tuned["parameters"]
    assert again.tuned["score"] == first.tuned["score"] == again.test(VALID).f1()
    np.testing.assert_array_equal(again.input, first.input)


def test_a_study_of_another_text_or_of_other_options_is_refused(here):
    stored(trials=1)
    for other in ({"lines": TRAIN[1:]}, {"valid": VALID[1:]}, {"dim": 9}, {"metric": "f1:__label__1"}, {"minCount": 2}):
        with pytest.raises(OptionError, match=r"'study' in sqlite:///study\.db tunes another text or other options"):
            stored(trials=1, **other)
    assert len(stored(trials=1, thread=2, dim=8).tuned["trials"]) == 1, "with other threads it is the same"
    assert stored("another", trials=1, dim=9).tuned["parameters"]["dim"] == 9


def test_a_study_with_other_labels_apart_or_another_start_is_refused(here):
    texts, labels = [line.partition(" ")[2] for line in TRAIN], [line.partition(" ")[0].removeprefix("__label__") for line in TRAIN]
    stored(lines=texts, trials=1, extras=Extras(labels=labels))
    with pytest.raises(OptionError, match="tunes another text"):
        stored(lines=texts, trials=1, extras=Extras(labels=labels[:20] + labels[20:][::-1]))  # of each there are as many, in the same order
    starts = [gradwell.text.train_supervised(TRAIN, **SMALL, epoch=epoch).model for epoch in (1, 2)]
    stored("go on", trials=1, extras=Extras(start=starts[0]))
    with pytest.raises(OptionError, match="tunes another text"):
        stored("go on", trials=1, extras=Extras(start=starts[1]))


def test_a_storage_that_fails_in_the_middle_costs_no_model(here, capsys):
    search = Search(TRAIN, build(SUPERVISED, **SMALL), Extras(), SMALL, VALID, "f1", 1, None, Watch(1, time.monotonic(), LONG))
    attempt = search.attempt

    def attempted(trial, timed):
        score = attempt(trial, timed)
        if len(search.told) == 2:
            (here / "study.db").write_text("no database any more " * 2000)
        return score

    search.attempt = attempted
    model = search.run(5, "sqlite:///study.db", "study")
    assert model.tuned["score"] == model.test(VALID).f1()
    said = capsys.readouterr().err
    assert "the storage sqlite:///study.db failed: " in said
    assert "the best model so far is kept" in said


SHARED = """
import json, os, sys
from gradwell import studies
from tests.text.test_autotune import SMALL, stored

studies.BEAT, studies.GRACE = 1, 3
if sys.argv[1] == "killed":
    from gradwell.text.autotune import Search
    Search.model = lambda *_: os.kill(os.getpid(), 9)
tried = stored(trials=int(sys.argv[2])).tuned
print(json.dumps([tried["score"], [row["score"] for row in tried["trials"]]]))
"""


def sharing(*arguments):
    return subprocess.Popen([sys.executable, "-c", SHARED, *map(str, arguments)], stdout=subprocess.PIPE, text=True, env=PLACE)


def test_two_processes_search_together(here):
    pair = [sharing("searches", 12) for _ in range(2)]
    found = [json.loads(process.communicate(timeout=120)[0]) for process in pair]
    for score, scores in found:
        assert score == max(one for one in scores if one is not None), "each ends with the best of all, whoever found it"
        assert 12 <= len(scores) <= 13, "one may have been under way, and is known only to who ended later"
    fewer, more = sorted((scores for _, scores in found), key=len)
    assert not Counter(fewer) - Counter(more), "both know the same trials"
    study = optuna.load_study(study_name="study", storage="sqlite:///study.db")
    drawn = [tuple(trial.params.items()) for trial in study.trials[3:]]
    assert len(set(drawn)) == len(drawn), "no two draw the same"


def test_the_trial_of_a_process_that_was_killed_is_done_by_another(here):
    victim = sharing("killed", 3)
    victim.communicate(timeout=120)
    assert victim.returncode == -signal.SIGKILL
    time.sleep(4)
    _, scores = json.loads(sharing("searches", 4).communicate(timeout=120)[0])
    assert len(scores) == 4
    study = optuna.load_study(study_name="study", storage="sqlite:///study.db")
    states = [trial.state.name for trial in study.trials]
    assert (states[0], states[3]) == ("FAIL", "COMPLETE")
    assert set(states[1:]) <= {"COMPLETE", "PRUNED"}, states  # one that promises nothing, or takes long, is given up
    assert [trial.number for trial in study.trials if trial.user_attrs.get("as given")] == [0, 3], "the options as they came were not lost"


def test_every_metric_is_that_of_the_meter():
    labels = ["__label__a", "__label__b", "__label__c"]
    rng = np.random.default_rng(0)
    scores = np.sort(rng.random((50, 2)).astype(np.float32))[:, ::-1]
    ids = np.stack([rng.permutation(2) for _ in range(50)]).astype(np.int32)  # the third label is never predicted
    meter = Meter(ids, scores, [np.array([i % 2], np.int32) for i in range(50)], labels)
    for name, value in (
        ("f1", meter.f1()), ("f1:__label__b", meter.f1("__label__b")), ("f1:b", meter.f1("__label__b")),
        ("precisionAtRecall:30", meter.precision_at_recall(0.3)),
        ("precisionAtRecall:30:__label__a", meter.precision_at_recall(0.3, "__label__a")),
        ("recallAtPrecision:12.5", meter.recall_at_precision(0.125)),
        ("recallAtPrecision:30:b", meter.recall_at_precision(0.3, "__label__b")),
    ):
        assert Metric.of(name, SUPERVISED, labels).score(meter) == value
    assert math.isnan(meter.f1("__label__c"))
    assert Metric.of("f1:c", SUPERVISED, labels).score(meter) == 0


@pytest.mark.parametrize("metric", ["f1:__label__3", "precisionAtRecall:50", "recallAtPrecision:60:__label__1"])
def test_a_search_can_be_for_any_metric(metric):
    model = tuned(trials=2, metric=metric, k=-1, **SMALL)
    names = model.labels
    assert model.tuned["score"] == Metric.of(metric, model.options, names).score(model.test(VALID, k=-1))


@pytest.mark.parametrize(("text", "size"), [("", None), ("1", 1), ("100k", 100_000), ("2M", 2_000_000), ("1g", 10**9), ("5K", 5000)])
def test_a_size_is_read_as_upstream_reads_it(text, size):
    assert size_of(text) == size


def test_what_cannot_be_tuned_is_said_clearly(tmp_path):
    for problem, kind, call in (
        ("Unknown metric : recall; it can be f1", OptionError, lambda: tuned(metric="recall")),
        ("'lots' must be a percentage", OptionError, lambda: tuned(metric="precisionAtRecall:lots")),
        ("Unknown autotune metric label 'z'", OptionError, lambda: tuned(metric="f1:z")),
        ("Unable to parse model size '2 MB'", OptionError, lambda: tuned(size="2 MB")),
        ("no file can be smaller than", OptionError, lambda: tuned(size="1k")),
        ("cannot be opened as the validation text", DataError, lambda: tuned(valid=tmp_path / "nowhere")),
        ("has no line with a label", DataError, lambda: tuned(valid=["__label__unknown one"])),
        ("is empty", DataError, lambda: tuned(lines=[])),
        ("has no labels", DataError, lambda: tuned(lines=["one two"])),
        ("autotuneDuration is 'long'", OptionError, lambda: tuned(duration="long")),
        ("autotuneDuration is 0", OptionError, lambda: tuned(duration=0)),
        ("autotunePredictions is 0", OptionError, lambda: tuned(k=0)),
        ("trials is 0", OptionError, lambda: tuned(trials=0)),
        ("checkpoint", OptionError, lambda: tuned(extras=Extras(checkpoint=tmp_path / "c.safetensors"))),
        ("needs a classifier", OptionError, lambda: tuned(model="cbow")),
        ("Didn't have enough time to train once", TrainingError, lambda: tuned(duration=1e-9, trials=None)),
    ):
        with pytest.raises(GradwellError, match=problem) as caught:
            call()
        assert isinstance(caught.value, kind)


def test_a_trial_ends_when_its_speed_says_that_it_will_be_late():
    watch = Watch(0, 0.0, 1e9)
    watch.open(10.0, "a trial")

    def at(seconds, share):
        watch.moving, watch.seen = (watch.moving[0] - seconds, watch.moving[1]), (watch.seen[0] - seconds, watch.seen[1])
        watch.training(Progress(0, 5, share, 0.1, 1.0, 0.1))

    at(0, 0.0)
    at(3.0, 0.0)  # kernels are compiled: nothing moves, and nothing is concluded
    at(0.1, 0.1)
    at(1.0, 0.5)
    with pytest.raises(Hopeless, match="would not have ended in 10"):
        at(30.0, 0.6)


def test_the_line_at_the_end_says_what_was_found(capsys):
    tuned(trials=2, **SMALL | {"verbose": 1})
    said = capsys.readouterr().err
    assert "2 trials in" in said
    assert "the best f1 is" in said
    assert "dim=8" in said


def test_the_face_tunes_as_upstream_does(tmp_path):
    train, valid = written(tmp_path / "train.txt", TRAIN), written(tmp_path / "valid.txt", VALID)
    model = gradwell.text.train_supervised(
        train, autotuneValidationFile=valid, autotuneDuration=LONG, trials=3, autotuneMetric="f1", autotunePredictions=1, dim=8, bucket=300,
        thread=1, verbose=0,
    )
    assert model.dim == 8
    assert model.test(valid)[1] == model.model.tuned["score"]


def test_without_optuna_it_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['optuna'] = None; import gradwell.text as fasttext\n"
        "from gradwell.errors import DependencyError\n"
        "try: fasttext.train_supervised(['__label__a b'], autotuneValidationFile=['__label__a b'], verbose=0)\n"
        "except DependencyError as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "pip install 'gradwell[tune]'" in ran.stdout, ran.stderr


def test_questions_are_classified_better_after_a_search():
    train, test = data("text/trec.train.txt"), data("text/trec.test.txt")
    plain = gradwell.text.train_supervised(str(train), thread=2, verbose=0).test(str(test))[1]
    model = gradwell.text.train_supervised(
        str(train), autotuneValidationFile=str(test), autotuneDuration=LONG, trials=2, thread=2, verbose=0, dim=10, bucket=50_000
    )
    assert model.test(str(test))[1] > plain
