import dataclasses
import io
import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradwell.text
from gradwell.errors import DataError, GradwellError, OptionError
from gradwell.text import corpus, files, prediction
from gradwell.text.dictionary import DROPPED, Dictionary
from gradwell.text.kernels import quantizing
from gradwell.text.options import SUPERVISED, build
from gradwell.text.pruning import Used, cutoff_for
from gradwell.text.quantization import coded, compressed, quantize
from gradwell.text.quantized import CENTROIDS, Quantized, rows_of
from tests.text.oracle import LOSSES, answers, data, same_answers

fasttext = pytest.importorskip("fasttext")

SETTINGS: tuple[dict[str, int], ...] = (
    {}, {"qnorm": True}, {"qout": True}, {"qout": True, "qnorm": True}, {"cutoff": 400}, {"cutoff": 400, "qnorm": True, "qout": True},
    {"dsub": 4}, {"dsub": 5, "qnorm": True}, {"dsub": 16, "cutoff": 500}, {"cutoff": 1_000_000},
)
COMBINED = [(loss, setting) for loss in LOSSES for setting in (SETTINGS if loss in ("softmax", "hs") else SETTINGS[1::4])]


def example(lines: int = 900, labels: int = 260, words: int = 500, seed: int = 0) -> list[str]:
    chance = random.Random(seed)
    made = []
    for i in range(lines):
        label = i % labels
        own = [f"w{(label * 7 + j) % words}" for j in range(3)]
        made.append(f"__label__{label} " + " ".join(own + chance.choices([f"w{j}" for j in range(words)], k=4)))
    return made


LINES = example()
UNSEEN = ["w1 w2 w3", "never seen before", "w7 w400", "", "é w5 中"] + [line.split(" ", 1)[1] for line in example(30, seed=5)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model for each loss, and where upstream finds the same; 11 dimensions, so that no dsub divides them."""
    folder = tmp_path_factory.mktemp("models")
    models = {}
    for loss in LOSSES:
        model = gradwell.text.train_supervised(
            LINES, loss=loss, dim=11, wordNgrams=2, minn=2, maxn=3, bucket=2000, lr=0.5, epoch=2, thread=1, verbose=0
        ).model
        files.save(model, folder / f"{loss}.bin")
        models[loss] = model, str(folder / f"{loss}.bin")
    return models


def predict_the_same(one, other, loss="", within=1e-5):
    """ns and ova answer in 512 steps: a score on the edge of one may fall to either side of it."""
    for a, b in zip(answers(one, UNSEEN), answers(other, UNSEEN), strict=True):
        edges = [label for label in a if loss in ("ns", "ova") and label in b and 1e-5 < abs(a[label] - b[label]) < 1 / 128]
        assert len(edges) <= 2
        same_answers([a], [b | {label: a[label] for label in edges}], within)


@pytest.mark.parametrize(("loss", "setting"), COMBINED, ids=str)
def test_upstream_reads_what_we_quantise_and_predicts_the_same(trained, tmp_path, loss, setting):
    small = quantize(trained[loss][0], **setting)
    files.save(small, tmp_path / "model.ftz")
    upstream, again = fasttext.load_model(str(tmp_path / "model.ftz")), gradwell.text.load_model(tmp_path / "model.ftz")
    assert upstream.is_quantized()
    assert again.is_quantized()
    predict_the_same(upstream, again, loss)
    predict_the_same(again, gradwell.text.FastText._FastText(model=small), loss, 1e-7)


@pytest.mark.parametrize(("loss", "setting"), COMBINED, ids=str)
def test_we_read_what_upstream_quantises_and_predict_the_same(trained, tmp_path, loss, setting):
    upstream = fasttext.load_model(trained[loss][1])
    upstream.quantize(**setting)
    upstream.save_model(str(tmp_path / "model.ftz"))
    predict_the_same(upstream, gradwell.text.load_model(tmp_path / "model.ftz"), loss)
    files.save(files.load(tmp_path / "model.ftz"), tmp_path / "again.ftz")
    predict_the_same(upstream, fasttext.load_model(str(tmp_path / "again.ftz")), loss, 1e-7)


@pytest.mark.parametrize("cutoff", [300, 450, 700])
def test_a_cutoff_keeps_the_rows_that_upstream_keeps(trained, tmp_path, cutoff):
    model, path = trained["softmax"]
    upstream = fasttext.load_model(path)
    upstream.quantize(cutoff=cutoff)
    upstream.save_model(str(tmp_path / "model.ftz"))
    theirs, ours = files.load(tmp_path / "model.ftz").dictionary, quantize(model, cutoff=cutoff).dictionary
    assert ours.entries == theirs.entries
    assert ours.counts.tolist() == theirs.counts.tolist()
    np.testing.assert_array_equal(ours.rows_of_bucket, theirs.rows_of_bucket)
    assert ours.nwords + len(ours.used_buckets) == cutoff


def test_a_cutoff_keeps_the_end_of_line_and_never_a_row_that_no_text_touched(trained):
    model = trained["softmax"][0]
    weak = np.array(model.input)
    weak[model.dictionary.index[b"</s>"]] = 0
    small = quantize(dataclasses.replace(model, input=weak), cutoff=len(Used.of(model).rows) - 1)
    assert b"</s>" in small.dictionary.index
    assert set(small.dictionary.used_buckets) <= set(model.dictionary.used_buckets)


def test_plain_numpy_and_the_kernels_agree_on_a_quantised_model(trained):
    for setting in ({}, {"cutoff": 400, "qnorm": True}):
        small = quantize(trained["softmax"][0], **setting)
        small.work.done = prediction.KERNELS_PAY
        for line in filter(None, UNSEEN):
            ids, values = small.predict([line], k=-1)
            plain_ids, plain = prediction.plain(small, (line + "\n").encode(), 260, 0.0, np.empty(0, bool))
            np.testing.assert_allclose(plain, values[0], atol=1e-5)
            assert sorted(plain_ids) == sorted(ids[0])


def test_the_number_of_threads_changes_nothing(trained):
    model = trained["softmax"][0]
    one, three = (quantize(model, thread=threads, qnorm=True, cutoff=450) for threads in (1, 3))
    for name in ("codes", "centroids", "norm_codes", "norm_centroids"):
        np.testing.assert_array_equal(getattr(one.input, name), getattr(three.input, name))


def test_a_saved_model_is_quantised_as_the_one_it_was_saved_from(trained, tmp_path):
    model, path = trained["ova"]
    files.save(quantize(model), tmp_path / "a.ftz")
    files.save(quantize(files.load(path)), tmp_path / "b.ftz")
    a, b = files.load(tmp_path / "a.ftz"), files.load(tmp_path / "b.ftz")
    assert a.dictionary.entries == b.dictionary.entries
    np.testing.assert_array_equal(a.dictionary.rows_of_bucket is None, b.dictionary.rows_of_bucket is None)
    assert (tmp_path / "a.ftz").stat().st_size == (tmp_path / "b.ftz").stat().st_size


def test_quantising_leaves_the_model_that_was_given_as_it_was(trained):
    model = trained["ns"][0]
    before = model.input.copy(), model.output.copy(), model.dictionary.rows_of_bucket.copy()
    quantize(model, LINES, cutoff=400, retrain=True, qnorm=True, qout=True, verbose=0)
    for old, new in zip(before, (model.input, model.output, model.dictionary.rows_of_bucket), strict=True):
        np.testing.assert_array_equal(old, new)


def test_buckets_that_no_text_touched_are_left_out_where_that_is_smaller():
    few = gradwell.text.train_supervised(LINES, wordNgrams=2, bucket=1_000_000, dim=4, epoch=1, thread=1, verbose=0).model
    small = quantize(few)
    assert small.dictionary.pruned
    assert len(small.input.codes) == len(Used.of(few).rows) < 10_000
    many = gradwell.text.train_supervised(LINES, wordNgrams=2, bucket=300, dim=4, epoch=1, thread=1, verbose=0).model
    assert not quantize(many).dictionary.pruned


def test_with_a_row_for_every_bucket_those_that_no_text_touched_are_zeros(trained):
    for qnorm in (False, True):
        small = quantize(trained["hs"][0], qnorm=qnorm)
        unused = np.setdiff1d(np.arange(2000), trained["hs"][0].dictionary.used_buckets)
        assert len(unused)
        assert small.dictionary.rows_of_bucket is None
        assert not rows_of(small.input, small.dictionary.nwords + unused).any()


@pytest.mark.parametrize("qnorm", [False, True])
@pytest.mark.parametrize("qout", [False, True])
@pytest.mark.parametrize("dsub", [2, 5])
def test_the_cutoff_for_a_size_is_the_largest_that_fits(trained, qnorm, qout, dsub):
    model = trained["softmax"][0]
    for size in (40_000, 45_001):
        cutoff = cutoff_for(model, size, dsub, qnorm, qout)
        assert CENTROIDS <= cutoff < len(Used.of(model).rows)
        for keep, fits in ((cutoff, True), (cutoff + 1, False)):
            file = io.BytesIO()
            files.write(compressed(model, model.options, keep, dsub, qnorm, qout), file)
            assert (file.tell() <= size) == fits


def test_retraining_makes_a_cut_model_better(trained):
    model = trained["softmax"][0]
    cut = quantize(model, cutoff=300)
    again = quantize(model, LINES, cutoff=300, retrain=True, epoch=5, lr=0.5, thread=1, verbose=0)
    assert again.test(LINES).precision() > cut.test(LINES).precision()
    assert again.dictionary.entries == cut.dictionary.entries
    np.testing.assert_array_equal(again.dictionary.rows_of_bucket, cut.dictionary.rows_of_bucket)
    assert (again.options.epoch, again.options.lr) == (5, 0.5)


def test_retraining_at_a_rate_of_nothing_changes_nothing(trained):
    model = trained["hs"][0]
    cut, again = quantize(model, cutoff=300), quantize(model, LINES, cutoff=300, retrain=True, lr=0.0, thread=1, verbose=0)
    np.testing.assert_array_equal(cut.input.codes, again.input.codes)
    np.testing.assert_array_equal(cut.output, again.output)


WORDS = st.text("abc", min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=1, max_size=6), st.randoms())
def test_a_pruned_dictionary_gives_a_packed_line_the_rows_that_prediction_gives_it(text, chance):
    lines = ["__label__x " + " ".join(words) for words in text]
    options = build(SUPERVISED, wordNgrams=3, minn=1, maxn=2, bucket=50)
    found = corpus.scan(np.frombuffer(("\n".join(lines) + "\n").encode(), np.uint8))
    whole = corpus.vocabulary(found, options)
    words = [word for word in whole.entries[: whole.nwords] if word == b"</s>" or chance.random() < 0.5]
    buckets = [bucket for bucket in range(50) if chance.random() < 0.4]
    rows = np.full(50, DROPPED, np.int32)
    rows[buckets] = len(words) + np.arange(len(buckets))
    pruned = Dictionary.of(
        [*words, b"__label__x"], np.ones(len(words) + 1, np.int64), len(words), 1, rows_of_bucket=rows.copy(), pruned=True
    )
    packed = corpus.pack(found, pruned, options)
    np.testing.assert_array_equal(packed.dictionary.rows_of_bucket, rows)
    for i, line in enumerate(lines):
        t = packed.text
        mine = [t.sub[t.sub_ptr[word] : t.sub_ptr[word + 1]] for word in t.words[t.word_ptr[i] : t.word_ptr[i + 1]]]
        mine = np.concatenate([*mine, t.grams[t.gram_ptr[i] : t.gram_ptr[i + 1]]]).tolist()
        assert mine == pruned.line((line + "\n").encode(), options, b"__label__")[0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(1, 1200))
def test_the_kernel_finds_the_nearest_centroid(seed, dim, n):
    rng = np.random.default_rng(seed)
    points, centroids = rng.normal(size=(dim, n)).astype(np.float32), rng.normal(size=(CENTROIDS, dim)).astype(np.float32)
    codes = np.zeros(n, np.uint8)
    quantizing.assign(points, centroids, codes)
    distance = np.square(points.T[:, None] - centroids[None]).sum(2)
    np.testing.assert_allclose(distance[np.arange(n), codes], distance.min(1), rtol=1e-5, atol=1e-12)


def test_the_kernel_puts_a_centroid_in_the_middle_and_gives_an_empty_one_half_of_another():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2, 1000)).astype(np.float32)
    codes = (np.arange(1000) % 100).astype(np.uint8)
    centroids = np.zeros((CENTROIDS, 2), np.float32)
    assert quantizing.move(points, centroids, codes, np.uint64(1)) == CENTROIDS - 100
    middles = np.stack([points[:, codes == k].mean(1) for k in range(100)])
    np.testing.assert_allclose(centroids[:100], middles, atol=1e-5)
    apart = np.abs(centroids[100:, None] - middles[None]).max(2).min(1)
    assert (apart < 1e-5).all()
    assert len(np.unique(centroids, axis=0)) > 100


def test_256_rows_lose_nothing():
    matrix = np.random.default_rng(0).normal(size=(CENTROIDS, 7)).astype(np.float32)
    np.testing.assert_allclose(coded(matrix, 3, False, 2).rows(slice(None)), matrix, rtol=1e-5)
    np.testing.assert_allclose(coded(matrix, 3, True, 2).rows(slice(None)), matrix, rtol=1e-4, atol=1e-6)


def test_more_bytes_are_closer_to_the_matrix():
    matrix = np.random.default_rng(0).normal(size=(3000, 16)).astype(np.float32)
    errors = [float(np.square(coded(matrix, dsub, False, 2).rows(slice(None)) - matrix).mean()) for dsub in (1, 2, 4, 8)]
    assert errors == sorted(errors)
    assert errors[1] < 0.05 < errors[3]


def test_rows_that_are_all_alike_can_be_quantised():
    small = coded(np.ones((400, 4), np.float32), 2, True, 1)
    np.testing.assert_allclose(small.rows(slice(None)), 1, atol=1e-3)


def test_a_quantised_model_can_be_pickled_and_saved_as_safetensors(trained, tmp_path):
    pytest.importorskip("safetensors")
    small = quantize(trained["softmax"][0], qnorm=True, qout=True, cutoff=400)
    files.save(small, tmp_path / "model.safetensors")
    for other in (pickle.loads(pickle.dumps(small)), files.load(tmp_path / "model.safetensors")):
        assert isinstance(other.input, Quantized)
        np.testing.assert_allclose(small.predict(UNSEEN, k=3)[1], other.predict(UNSEEN, k=3)[1], atol=1e-6)


def test_the_face_quantises_as_upstream_does(trained):
    model = gradwell.text.load_model(trained["softmax"][1])
    dense = model.test(LINES)
    model.quantize(qnorm=True, dsub=2)
    assert model.is_quantized()
    assert model.test(LINES)[1] > dense[1] - 0.1
    with pytest.raises(ValueError, match="quantized"):
        model.get_input_matrix()


def test_what_cannot_be_quantised_is_said_clearly(trained):
    model = trained["softmax"][0]
    vectors = gradwell.text.train_unsupervised(LINES, dim=4, epoch=1, minCount=1, bucket=100, thread=1, verbose=0).model
    few = gradwell.text.train_supervised(["__label__a one two", "__label__b three"], dim=4, epoch=1, thread=1, verbose=0).model
    for problem, kind, call in (
        ("only support quantization of supervised", DataError, lambda: quantize(vectors)),
        ("quantised already", DataError, lambda: quantize(quantize(model, cutoff=300))),
        ("dsub is 0", OptionError, lambda: quantize(model, dsub=0)),
        ("dsub is 'two'", OptionError, lambda: quantize(model, dsub="two")),
        ("cutoff is -1", OptionError, lambda: quantize(model, cutoff=-1)),
        ("Need input file path if retraining", OptionError, lambda: quantize(model, cutoff=300, retrain=True)),
        ("Need input file path if retraining", OptionError, lambda: quantize(model, "", cutoff=300, retrain=True)),
        ("lr is -1", OptionError, lambda: quantize(model, LINES, cutoff=300, retrain=True, lr=-1)),
        ("cannot be opened", DataError, lambda: quantize(model, "/nowhere/at/all", cutoff=300, retrain=True, verbose=0)),
        ("no line with both", DataError, lambda: quantize(model, ["__label__new w1"], cutoff=300, retrain=True, verbose=0)),
        ("must have at least 256 rows; it has 4", DataError, lambda: quantize(few)),
        ("must have at least 256 rows", DataError, lambda: quantize(model, cutoff=100)),
        ("qout needs 256 labels", OptionError, lambda: quantize(few, qout=True)),
    ):
        with pytest.raises(GradwellError, match=problem) as caught:
            call()
        assert isinstance(caught.value, kind)
        assert isinstance(caught.value, ValueError)


def test_questions_are_still_answered_after_quantisation():
    train, test = str(data("text/trec.train.txt")), str(data("text/trec.test.txt"))
    model = gradwell.text.train_supervised(train, dim=20, lr=0.5, epoch=15, wordNgrams=2, bucket=100_000, thread=2, verbose=0)
    before = model.test(test)[1]
    model.quantize(train, cutoff=5000, retrain=True, qnorm=True, verbose=0)
    assert model.test(test)[1] > before - 0.03
