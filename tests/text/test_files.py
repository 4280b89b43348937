"""Upstream reads what we write and we read what it writes; a damaged file is an error and nothing else."""

import io
import json
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwell.errors import DataError, ModelFileError
from gradwell.text import files, load_model, native, train_supervised, train_unsupervised
from gradwell.text.model import Model
from gradwell.text.tree import Tree
from tests.text.oracle import KINDS, LOSSES, QUIET, answers, corpus, same_answers, texts_of, written

fasttext = pytest.importorskip("fasttext")

OURS = {"verbose": 0, "thread": 1, "dim": 10, "lr": 0.5, "epoch": 3}
THEIRS = {**QUIET, "dim": 10, "lr": 0.5, "epoch": 3}
WAYS = (("ns", "character n-grams"), ("hs", "words"), ("softmax", "words"))
UNSUPERVISED = [(model, loss, kind) for model in ("skipgram", "cbow") for loss, kind in WAYS]
FUZZ = settings(deadline=None, max_examples=100)
ROOM = 100_000_000  # bytes that reading any of the small files here may take


MANY = [f"__label__{i % 300} {line}" for i, line in enumerate(texts_of(corpus(600)))]  # upstream quantises no fewer than 256 rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def lines():
    return corpus(300, several=True)


@pytest.fixture(scope="module")
def text(folder, lines):
    return written(folder / "text.txt", lines)


@pytest.fixture(scope="module")
def texts(lines):
    return [*texts_of(lines[:40]), "", "unseen words only", "中文 éé \u00a0 x"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_upstream_reads_our_classifier(tmp_path, text, texts, loss, kind):
    ours = train_supervised(text, loss=loss, **OURS, **KINDS[kind])
    ours.save_model(tmp_path / "model.bin")
    theirs = fasttext.load_model(str(tmp_path / "model.bin"))
    same_answers(answers(ours, texts), answers(theirs, texts))
    assert theirs.labels == ours.labels
    assert theirs.words == ours.words
    np.testing.assert_array_equal(theirs.get_input_matrix(), ours.get_input_matrix())
    np.testing.assert_array_equal(theirs.get_output_matrix(), ours.get_output_matrix())
    same_answers(answers(load_model(tmp_path / "model.bin"), texts), answers(ours, texts))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_we_read_upstreams_classifier(tmp_path, text, texts, loss, kind):
    theirs = fasttext.train_supervised(text, loss=loss, **THEIRS, **KINDS[kind])
    theirs.save_model(str(tmp_path / "model.bin"))
    ours = load_model(tmp_path / "model.bin")
    same_answers(answers(ours, texts), answers(theirs, texts))
    assert (ours.labels, ours.words) == (theirs.labels, theirs.words)
    ours.save_model(tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "model.bin").read_bytes()


@pytest.mark.parametrize(("model", "loss", "kind"), UNSUPERVISED)
def test_upstream_reads_our_word_vectors(tmp_path, text, model, loss, kind):
    given_options = {"minn": 0, "maxn": 0} | KINDS[kind]
    ours = train_unsupervised(text, model, loss=loss, minCount=2, **OURS, **given_options)
    ours.save_model(tmp_path / "model.bin")
    theirs = fasttext.load_model(str(tmp_path / "model.bin"))
    for word in [*ours.words, "unseen", ""]:
        np.testing.assert_allclose(ours[word], theirs[word], atol=1e-6)


@pytest.mark.parametrize(("model", "loss", "kind"), UNSUPERVISED)
def test_we_read_upstreams_word_vectors(tmp_path, text, model, loss, kind):
    given_options = {"minn": 0, "maxn": 0} | KINDS[kind]
    theirs = fasttext.train_unsupervised(text, model, loss=loss, minCount=2, **THEIRS, **given_options)
    theirs.save_model(str(tmp_path / "model.bin"))
    ours = load_model(tmp_path / "model.bin")
    for word in [*theirs.words, "unseen", ""]:
        np.testing.assert_allclose(ours[word], theirs[word], atol=1e-6)
    np.testing.assert_allclose(ours.get_sentence_vector("the1 of unseen"), theirs.get_sentence_vector("the1 of unseen"), atol=1e-6)


QUANTIZED = [{}, {"qnorm": True}, {"qout": True}, {"dsub": 3, "qnorm": True, "qout": True}, {"cutoff": 300}, {"cutoff": 300, "qnorm": True}]


@pytest.mark.parametrize("options", QUANTIZED, ids=str)
def test_we_read_upstreams_quantised_classifier(tmp_path, folder, texts, options):
    many = written(folder / "many.txt", MANY)
    theirs = fasttext.train_supervised(many, **{**THEIRS, "lr": 2}, wordNgrams=2, minn=2, maxn=3, bucket=1000)
    theirs.quantize(**options)
    theirs.save_model(str(tmp_path / "model.ftz"))
    ours = load_model(tmp_path / "model.ftz")
    assert ours.is_quantized()
    same_answers(answers(ours, texts), answers(theirs, texts))
    for word in ("the1", "中文", "unseen"):
        np.testing.assert_allclose(ours[word], theirs[word], atol=1e-6)
    ours.save_model(tmp_path / "again.ftz")
    again = fasttext.load_model(str(tmp_path / "again.ftz"))
    same_answers(answers(again, texts), answers(theirs, texts))
    ours.save_model(tmp_path / "again.safetensors")
    same_answers(answers(load_model(tmp_path / "again.safetensors"), texts), answers(theirs, texts))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_native_file_gives_back_the_model(tmp_path, text, texts, loss, kind):
    pytest.importorskip("safetensors")
    ours = train_supervised(text, loss=loss, **OURS, **KINDS[kind])
    ours.save_model(tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    assert answers(again, texts) == answers(ours, texts)
    assert again.model.options == ours.model.options
    assert again.history == ours.history
    assert isinstance(again.model.input, np.memmap)
    assert isinstance(again.model.output.base, np.memmap) or isinstance(again.model.output, np.memmap)
    again.save_model(tmp_path / "model.bin")
    same_answers(answers(fasttext.load_model(str(tmp_path / "model.bin")), texts), answers(ours, texts))


def test_upstream_starts_from_our_vectors(tmp_path, text):
    ours = train_unsupervised(text, minCount=1, minn=0, maxn=0, **OURS)
    files.save_vectors(tmp_path / "model.vec", [word.encode() for word in ours.words], np.stack([ours[word] for word in ours.words]))
    theirs = fasttext.train_supervised(text, **{**THEIRS, "epoch": 0}, pretrainedVectors=str(tmp_path / "model.vec"))
    for word in ours.words:
        np.testing.assert_allclose(theirs[word], ours[word], rtol=1e-4, atol=1e-7)


def upstreams_vec(path, model):
    """A `.vec` file as fastText's command line writes it: five significant digits and a space after each."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{len(model.words)} {model.get_dimension()}\n")
        for word in model.words:
            file.write(word + " " + "".join(f"{value:.5g} " for value in model[word].tolist()) + "\n")


def test_we_start_from_upstreams_vectors(tmp_path, text):
    theirs = fasttext.train_unsupervised(text, minCount=1, minn=0, maxn=0, **THEIRS)
    upstreams_vec(tmp_path / "model.vec", theirs)
    ours = train_supervised(text, **{**OURS, "epoch": 0}, pretrainedVectors=tmp_path / "model.vec")
    assert set(ours.words) == set(theirs.words)
    for word in theirs.words:
        np.testing.assert_allclose(ours[word], theirs[word], rtol=1e-4, atol=1e-7)
    words, vectors = files.load_vectors(tmp_path / "model.vec", 10)
    files.save_vectors(tmp_path / "again.vec", words, vectors)
    assert (tmp_path / "again.vec").read_bytes() == (tmp_path / "model.vec").read_bytes()


def test_pretrained_words_that_the_text_lacks_join_the_dictionary(tmp_path):
    (tmp_path / "some.vec").write_text("2 3\nnew 1 2 3 \nx -1 0 1 \n")
    options = {"dim": 3, "epoch": 0, "verbose": 0, "pretrainedVectors": str(tmp_path / "some.vec")}
    text = written(tmp_path / "text.txt", ["__label__a x y", "__label__b y"])
    ours, theirs = train_supervised(text, thread=1, **options), fasttext.train_supervised(text, thread=12, **options)
    assert sorted(ours.words) == sorted(theirs.words)
    for word in ("new", "x"):
        np.testing.assert_array_equal(ours[word], theirs[word])


BAD_VECTORS = [
    "", "3\n", "1 4\na 1 2 3 4\n", "2 3\na 1 2 3\n", "1 3\na 1 2\n", "1 3\na 1 2 x\n", "9999999999 3\na 1 2 3\n", "-1 3\n", "a b\n", "\0\0",
]


@pytest.mark.parametrize("content", BAD_VECTORS)
def test_bad_vectors_are_an_error(tmp_path, content):
    (tmp_path / "bad.vec").write_text(content)
    with pytest.raises(ModelFileError, match=r"bad.vec|imension"):
        train_supervised(["__label__a x"], dim=3, verbose=0, pretrainedVectors=str(tmp_path / "bad.vec"))


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path, text):
    model = train_supervised(text, **OURS)
    for name in ("no/model.bin", "no/model.safetensors"):
        with pytest.raises(DataError, match="cannot be written"):
            model.save_model(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"abc", b"\0" * 100, b"PK\3\4" + b"\0" * 50, b"[" * 100_000, struct.pack("<2i", 793712314, 12)])
def test_what_is_no_model_is_an_error(tmp_path, content):
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.bin"):
        load_model(tmp_path / "model.bin")


def test_a_missing_model_or_a_folder_is_an_error(tmp_path):
    for path in (tmp_path / "no.bin", tmp_path):
        with pytest.raises(ModelFileError, match="cannot be opened"):
            load_model(path)


# Damage: whatever happens to a file, reading it gives a model that answers, or ModelFileError.


@pytest.fixture(scope="module")
def whole(folder, text):
    """A small model in each kind of file, as bytes."""
    pytest.importorskip("safetensors")
    Tree.of(np.ones(20_001, np.int64))  # compiles what a hostile file may ask for, which takes memory of its own
    found = {}
    small = {"dim": 4, "bucket": 50, "wordNgrams": 2, "minn": 2, "maxn": 3}
    for loss in ("softmax", "hs", "ova"):
        model = train_supervised(corpus(20), verbose=0, thread=1, loss=loss, **small)
        for end in ("bin", "safetensors"):
            path = folder / f"whole-{loss}.{end}"
            model.save_model(path)
            found[path.name] = path.read_bytes()
    for name, options in (("plain", {"qnorm": True, "qout": False}), ("pruned", {"qnorm": True, "qout": True, "cutoff": 300})):
        theirs = fasttext.train_supervised(written(folder / "fuzz.txt", MANY), **{**THEIRS, **small, "bucket": 300})
        theirs.quantize(**options)
        path = folder / f"{name}.ftz"
        theirs.save_model(str(path))
        found[path.name] = path.read_bytes()
        load_model(path).save_model(path.with_suffix(".safetensors"))
        found[f"{name}.safetensors"] = path.with_suffix(".safetensors").read_bytes()
    return found


def survives(folder, data):
    """Read a file and ask what comes of it; anything but an answer or ModelFileError fails the test."""
    path = folder / "damaged"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        model = files.load(path)
    except ModelFileError as error:
        assert str(path) in str(error)  # noqa: PT017 - both outcomes are right
        model = None
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < ROOM
    if model is not None and model.supervised:
        asked = ["the1 of 中文 rare3 wört", ""]
        for k in (1, 3):
            ids, values = model.predict(asked, k)
            assert ids.max() < len(model.output)
            assert not (values > 1).any()
        model.word_vector("rare3")
    return model


NAMES = ["whole-softmax.bin", "whole-hs.bin", "whole-ova.bin", "plain.ftz", "pruned.ftz"]
NATIVE = ["whole-softmax.safetensors", "whole-hs.safetensors", "plain.safetensors", "pruned.safetensors"]


@pytest.mark.parametrize("name", [*NAMES, *NATIVE])
def test_an_undamaged_file_is_read(folder, whole, name):
    assert isinstance(survives(folder, whole[name]), Model)


@FUZZ
@given(name=st.sampled_from([*NAMES, *NATIVE]), share=st.floats(0, 1))
def test_a_truncated_file_is_an_error(folder, whole, name, share):
    data = whole[name]
    assert survives(folder, data[: min(int(share * len(data)), len(data) - 1)]) is None


CHANGE = st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 255))


@settings(FUZZ, max_examples=200)
@given(name=st.sampled_from([*NAMES, *NATIVE]), changes=st.lists(CHANGE, min_size=1, max_size=6))
def test_flipped_bytes_do_no_harm(folder, whole, name, changes):
    data = bytearray(whole[name])
    for place, early, value in changes:
        data[min(int(place * (400 if early else len(data))), len(data) - 1)] = value
    survives(folder, bytes(data))


@settings(FUZZ, max_examples=200)
@given(
    name=st.sampled_from(NAMES), place=st.integers(2, 25),
    value=st.sampled_from([-1, 0, 1, 2, 3, 4, 255, 256, 2**16, 2**20, 2**24, 2**28, 2**31 - 1, -(2**31)]), wide=st.booleans(),
)
def test_no_stated_number_does_harm(folder, whole, name, place, value, wide):
    data = bytearray(whole[name])
    struct.pack_into("<q" if wide else "<i", data, 4 * place, value)
    survives(folder, bytes(data))


ODD = [None, True, -1, 0, 1, 2, 3, 2**31 - 1, 2**40, 2**70, 1e308, float("nan"), "", "hs", "ova", "cbow", [], [2**40, 2**40], {}, {"a": 1}]


@settings(FUZZ, max_examples=100)
@given(data=st.data(), name=st.sampled_from(NATIVE))
def test_no_stated_fact_does_harm(folder, whole, data, name):
    """Change anything in the header of a native file: an offset, a shape, an option."""
    content = whole[name]
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    facts = json.loads(header["__metadata__"]["gradwell"])
    places = [(entry, key) for entry in header.values() for key in entry if entry is not header["__metadata__"]]
    places += [(facts, key) for key in facts] + [(facts["options"], key) for key in facts["options"]]
    for where in ("data_offsets", "shape"):
        places += [(entry[where], i) for entry in header.values() if where in entry for i in range(len(entry[where]))]
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(st.sampled_from(ODD))
    header["__metadata__"]["gradwell"] = json.dumps(facts)
    made = json.dumps(header).encode()
    survives(folder, len(made).to_bytes(8, "little") + made + content[8 + length :])


def header_of(bucket=10, entries=1, pruned=-1, loss=3, dim=2, maxn=3):
    """The beginning of a model file with a dictionary of one word and one label."""
    options = struct.pack("<2i12id", 793712314, 12, dim, 5, 5, 1, 5, 1, loss, 3, bucket, 2, maxn, 100, 1e-4)
    words = b"w\0" + struct.pack("<qb", 1, 0) + b"__label__a\0" + struct.pack("<qb", 1, 1)
    return options + struct.pack("<3i2q", entries + 1, entries, 1, 5, pruned) + words


ENORMOUS = {
    "n-gram rows of a pruned dictionary": header_of(bucket=2**31 - 1, pruned=0),
    "words": header_of(entries=2**30),
    "pruned n-grams": header_of(bucket=2**31 - 1, pruned=2**31 - 1),
    "rows": header_of() + b"\0" + struct.pack("<2q", 2**40, 2),
    "rows and columns": header_of() + b"\0" + struct.pack("<2q", 2**62, 2**62),
    "codes": header_of() + b"\1" + struct.pack("<?2qi", False, 2**40, 2, 2**31 - 1),
    "columns": header_of(dim=1 << 20) + b"\1" + struct.pack("<?2qi4xi", False, 1, 1 << 20, 1, 1 << 20),
}


@pytest.mark.parametrize("what", ENORMOUS)
def test_an_enormous_number_is_an_error_before_memory_is_asked_for(folder, what):
    assert survives(folder, ENORMOUS[what] + b"\0" * 200) is None


def test_pruned_ngrams_outside_the_matrix_are_an_error(folder):
    """Two n-grams of one bucket: the last counts, and its row must be there."""
    pairs = struct.pack("<4i", 5, 0, 5, 1)
    matrix = struct.pack("<?2qi", False, 2, 2, 2) + b"\0\0" + struct.pack("<4i", 2, 1, 2, 2) + b"\0" * (256 * 2 * 4)
    output = b"\0" + struct.pack("<2q", 1, 2) + b"\0" * 8
    assert survives(folder, header_of(pruned=2) + pairs + b"\1" + matrix + output) is None


def test_an_output_matrix_of_few_codes_does_not_become_a_huge_one(folder):
    rows, dim = 3000, 3000
    options = struct.pack("<2i12id", 793712314, 12, dim, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100, 1e-4)
    head = options + struct.pack("<3i2q", rows + 1, 1, rows, 5, -1)
    words = b"w\0" + struct.pack("<qb", 1, 0) + b"".join(b"__label__%d\0" % i + struct.pack("<qb", 1, 1) for i in range(rows))
    codebook = struct.pack("<4i", dim, 1, dim, dim) + bytes(256 * dim * 4)
    matrix = b"\1" + struct.pack("<?2qi", False, 1, dim, 1) + b"\0" + codebook
    output = b"\1" + struct.pack("<?2qi", False, rows, dim, rows) + bytes(rows) + codebook
    model = survives(folder, head + words + matrix + output)  # 36 MB from 6 MB: in proportion
    assert model is not None
    assert model.output.shape == (rows, dim)


def test_numbers_that_are_not_finite_do_no_harm(folder, whole):
    for name in ("whole-softmax.bin", "whole-hs.bin", "whole-ova.bin"):
        for value in (np.nan, np.inf, -np.inf, 3e38):
            model = survives(folder, whole[name])
            model.output[:] = value
            file = io.BytesIO()
            files.write(model, file)
            survives(folder, file.getvalue())


def test_the_plain_path_and_the_kernels_take_a_damaged_model_alike(folder, whole):
    (folder / "nan.bin").write_bytes(whole["whole-ova.bin"])
    model = files.load(folder / "nan.bin")
    model.output[0] = np.nan
    model.work.done = -(10**9)
    plain = model.predict(["the1"] * 2, -1)
    model.work.done = 10**9
    for a, b in zip(plain, model.predict(["the1"] * 2, -1), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_of_another_format_is_an_error(tmp_path, whole):
    path = tmp_path / "model.safetensors"
    path.write_bytes(whole["whole-softmax.safetensors"].replace(b"gradwell.text 1", b"gradwell.text 9"))
    with pytest.raises(ModelFileError, match=r"gradwell\.text 9"):
        native.load(path)
