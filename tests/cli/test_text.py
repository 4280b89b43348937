"""`gradwell text` answers as fastText's own command line does, and says in one line what it cannot do."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwell.cli.text import main, streams
from gradwell.errors import GradwellError, OptionError, TrainingError
from gradwell.text import files
from gradwell.text.options import NAMES, SUPERVISED
from tests.command import GRADWELL, gradwell, python
from tests.text.oracle import corpus, texts_of

fasttext = pytest.importorskip("fasttext")
LINES = corpus(300, 5)
TEXTS = [*texts_of(LINES[:40]), "", "   ", "unheard-of words only", "the1 </s> of", "中文 of"]
TRAIN = ("-epoch", "5", "-lr", "0.5", "-dim", "8", "-thread", "1", "-verbose", "0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two models and the texts they are of."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "train.txt").write_text("".join(line + "\n" for line in LINES))
    (folder / "test.txt").write_text("".join(line + "\n" for line in [*LINES[:50], "no label", "__label__unknown the1", ""]))
    (folder / "texts.txt").write_text("\n".join(TEXTS))
    (folder / "words.txt").write_text("".join(text + "\n" for text in texts_of(LINES)))
    text("supervised", "-input", folder / "train.txt", "-output", folder / "model", "-wordNgrams", "2", "-bucket", "5000", *TRAIN)
    more = ("-minCount", "2", "-minn", "2", "-maxn", "3", "-bucket", "1000", "-saveOutput")
    text("skipgram", "-input", folder / "words.txt", "-output", folder / "vectors", *more, *TRAIN)
    return folder


@pytest.fixture(scope="module")
def upstream(folder):
    """The classifier, in fastText's own hands."""
    return fasttext.load_model(str(folder / "model.bin"))


@pytest.fixture(scope="module")
def vectors(folder):
    return fasttext.load_model(str(folder / "vectors.bin"))


def text(*words):
    """What a command writes to stdout, without a process of its own."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(out):
        assert main.text([str(word) for word in words]) == 0
    out.flush()
    return out.buffer.getvalue().decode()


def numbers(line):
    return [float(word) for word in line.split()]


# Training


def test_training_writes_a_model_and_vectors_that_fasttext_reads_and_nothing_to_stdout(folder, tmp_path):
    options = ("--epoch", "3", "--thread=1", "-lr=0.5", "-dim", "4", "-saveOutput")
    result = gradwell("text", "supervised", "-input", folder / "train.txt", "-output", "made", *options, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "")
    assert re.search(r"3 epochs in [\d.]+ s, [\d.]+M words/s, loss \d", result.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.bin", "made.output", "made.vec"]
    model = fasttext.load_model(str(tmp_path / "made.bin"))
    assert model.get_dimension() == 4
    first, *rows = (tmp_path / "made.vec").read_text().split("\n")[:-1]
    assert first == f"{len(model.words)} 4"
    assert [row.split(" ")[0] for row in rows] == model.words
    np.testing.assert_allclose([numbers(row.split(" ", 1)[1]) for row in rows], [model[word] for word in model.words], rtol=1e-4)
    first, *rows = (tmp_path / "made.output").read_text().split("\n")[:-1]
    assert [row.split(" ")[0] for row in rows] == model.labels
    np.testing.assert_allclose([numbers(row.split(" ", 1)[1]) for row in rows], model.get_output_matrix(), rtol=1e-4)


def test_the_native_format_is_chosen_by_the_ending(folder, tmp_path):
    text("cbow", "-input", folder / "words.txt", "-output", tmp_path / "made.safetensors", "-minCount", "1", *TRAIN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.safetensors", "made.vec"]
    assert files.load(tmp_path / "made.safetensors").options.model == "cbow"


def test_what_fasttext_never_had_is_there_as_flags(folder, tmp_path):
    more = ("-validation", folder / "test.txt", "-patience", "1", "-class-weight", "balanced", "-deterministic")
    more += ("-checkpoint", tmp_path / "c.safetensors")
    text("supervised", "-input", folder / "train.txt", "-output", tmp_path / "made.safetensors", *TRAIN, *more)
    history = files.load(tmp_path / "made.safetensors").history
    assert history[0].validation is not None
    assert (tmp_path / "c.safetensors").exists()
    text("supervised", "-input", folder / "train.txt", "-output", tmp_path / "next", *TRAIN, "-start", tmp_path / "made.safetensors")
    assert (tmp_path / "next.bin").exists()


def test_text_is_read_from_stdin_too(folder, tmp_path):
    train = ("text", "supervised", "-input", "-", "-output", "piped", *TRAIN, "-wordNgrams", "2", "-bucket", "5000")
    result = gradwell(*train, cwd=tmp_path, input=(folder / "train.txt").read_text())
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "piped.vec").read_bytes() == (folder / "model.vec").read_bytes()


def test_an_interrupt_leaves_files_alone_and_the_checkpoint_goes_on(folder, tmp_path):
    (tmp_path / "made.bin").write_text("old")
    command = [GRADWELL, "text", "supervised", "-input", str(folder / "train.txt"), "-output", "made", "-epoch", "1000000"]
    command += ["-checkpoint", "c.safetensors"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "c.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert re.search(r"c\.safetensors holds \d+ of 1000000 epochs, and doing the same again goes on from there", err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.safetensors", "made.bin"]
    assert (tmp_path / "made.bin").read_text() == "old"


def test_quantize_needs_no_text_and_fasttext_reads_what_it_writes(folder, upstream):
    text("quantize", "-output", folder / "model", "-qnorm", "-epoch", "1")
    small = fasttext.load_model(str(folder / "model.ftz"))
    assert small.is_quantized()
    assert (folder / "model.ftz").stat().st_size < (folder / "model.bin").stat().st_size
    same = [a == b for a, b in zip(small.predict(TEXTS[:40])[0], upstream.predict(TEXTS[:40])[0], strict=True)]
    assert np.mean(same) > 0.8
    more = ("-retrain", "-cutoff", "300", "-verbose", "0", "-minCount", "3")
    text("quantize", "--output", folder / "model", "-input", folder / "train.txt", *more)


# Answers


@pytest.mark.parametrize("more", [[], [3], [-1], [2, 0.4], [1, 1.1]], ids=str)
def test_predictions_are_those_of_fasttext_in_its_own_format(folder, upstream, more):
    expected = upstream.predict(TEXTS[:40], *more)
    lines = text("predict", folder / "model.bin", folder / "texts.txt", *more).split("\n")
    shown = text("predict-prob", folder / "model.bin", folder / "texts.txt", *more).split("\n")
    assert len(lines) == len(shown) == len(TEXTS) + 1
    for line, pairs, labels, values in zip(lines, shown, *expected, strict=False):
        assert line == " ".join(labels)
        assert pairs.split()[::2] == list(labels)
        assert all(word == f"{float(word):.6g}" for word in pairs.split()[1::2])
        np.testing.assert_allclose([float(word) for word in pairs.split()[1::2]], np.minimum(values, 1), atol=2e-5)


def test_every_line_has_its_line_of_answers_from_stdin_too(folder):
    piped = gradwell("text", "predict", "model.bin", "-", cwd=folder, input="\n".join(TEXTS))
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout == text("predict", folder / "model.bin", folder / "texts.txt")
    assert piped.stdout.count("\n") == len(TEXTS)
    assert gradwell("text", "predict", "model.bin", "-", cwd=folder, input="").stdout == ""


def test_figures_are_those_of_fasttext_in_its_own_format(folder, upstream):
    for k, threshold in ((1, 0.0), (2, 0.3)):
        n, precision, recall = upstream.test(str(folder / "test.txt"), k, threshold)
        general = text("test", folder / "model.bin", folder / "test.txt", k, threshold)
        assert general == f"N\t{n}\nP@{k}\t{precision:.3g}\nR@{k}\t{recall:.3g}\n"
        *rows, count, p, r, end = text("test-label", folder / "model.bin", folder / "test.txt", k, threshold).split("\n")
        assert [count, p, r, end] == [f"N\t{n}", f"P@{k}\t{precision:.3f}", f"R@{k}\t{recall:.3f}", ""]
        expected = upstream.test_label(str(folder / "test.txt"), k, threshold)
        for label, row in zip(upstream.labels, rows, strict=True):
            found = [expected[label][key] for key in ("f1score", "precision", "recall")]
            values = [f"{value:.6f}" if np.isfinite(value) else "--------" for value in found]
            assert row == "F1-Score : {}  Precision : {}  Recall : {}   {}".format(*values, label)


def test_nothing_to_measure_is_no_number(folder, tmp_path):
    (tmp_path / "empty").touch()
    assert text("test", folder / "model.bin", tmp_path / "empty") == "N\t0\nP@1\tnan\nR@1\tnan\n"
    dashes = "F1-Score : --------  Precision : --------  Recall : --------   __label__"
    assert text("test-label", folder / "model.bin", tmp_path / "empty").startswith(dashes)


def test_neighbours_and_analogies_are_asked_for_in_turn_until_stdin_ends(folder, vectors):
    asked = gradwell("text", "nn", "vectors.bin", "3", cwd=folder, input="the1 of\nunheard-of")
    *answers, end = asked.stdout.split("Query word? ")[1:]
    assert (end, asked.stderr, asked.returncode) == ("", "", 0)
    expected = [vectors.get_nearest_neighbors(word, 3) for word in ("the1", "of", "unheard-of")]
    for answer, pairs in zip(answers, expected, strict=True):
        lines = [line.split(" ") for line in answer.split("\n")[:-1]]
        np.testing.assert_allclose([float(value) for _, value in lines], [score for score, _ in pairs], atol=1e-5)
    asked = gradwell("text", "analogies", "vectors.bin", "2", cwd=folder, input="the1 of the2 of\n")
    assert asked.stdout.startswith("Loading model vectors.bin\nQuery triplet (A - B + C)? ")
    assert re.fullmatch(r"(\S+ 0\.\d+\n){2}Query triplet \(A - B \+ C\)\? ", asked.stdout.split("? ", 1)[1])
    assert asked.returncode == 0


def test_vectors_are_printed_with_five_digits_and_a_space_after_each(folder, vectors, upstream):
    shown = gradwell("text", "print-word-vectors", "vectors.bin", cwd=folder, input="the1 unheard-of\nof").stdout
    assert re.fullmatch(r"(\S+ (-?\d[\d.e-]* ){8}\n){3}", shown)
    for line, word in zip(shown.split("\n"), ("the1", "unheard-of", "of"), strict=False):
        assert line.split(" ")[0] == word
        np.testing.assert_allclose(numbers(line.split(" ", 1)[1]), vectors[word], rtol=1e-3, atol=1e-6)
    lines = gradwell("text", "print-sentence-vectors", "model.bin", cwd=folder, input="the1 of\n\nof").stdout.split("\n")
    assert len(lines) == 4
    np.testing.assert_allclose(numbers(lines[0]), upstream.get_sentence_vector("the1 of"), rtol=1e-3, atol=1e-6)
    ngrams = text("print-ngrams", folder / "vectors.bin", "the1").split("\n")[:-1]
    names, rows = vectors.get_subwords("the1")
    assert [line.split(" ")[0] for line in ngrams] == names
    printed = [numbers(line.split(" ", 1)[1]) for line in ngrams]
    np.testing.assert_allclose(printed, [vectors.get_input_vector(i) for i in rows], rtol=1e-3, atol=1e-6)


def test_a_model_can_be_dumped(folder, upstream):
    options = dict(line.split(" ") for line in text("dump", folder / "model.bin", "args").split("\n")[:-1])
    assert options["loss"] == "softmax"
    assert (options["model"], options["dim"], options["t"]) == ("sup", "8", "0.0001")
    first, *rows = text("dump", folder / "model.bin", "dict").split("\n")[:-1]
    words, counts = upstream.get_words(include_freq=True)
    assert rows[: len(words)] == [f"{word} {count} word" for word, count in zip(words, counts, strict=True)]
    assert int(first) == len(rows) == len(words) + 5
    for part, matrix in (("input", upstream.get_input_matrix()), ("output", upstream.get_output_matrix())):
        first, *rows = text("dump", folder / "model.bin", part).split("\n")[:-1]
        assert first == f"{len(matrix)} 8"
        np.testing.assert_allclose([numbers(row) for row in rows], matrix, rtol=1e-5)


def test_tables_are_predicted_from_the_command_line(folder, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    for i in range(2):
        pq.write_table(pa.table({"id": range(len(TEXTS)), "text": TEXTS}), tmp_path / f"part-{i}.parquet")
    more = ("--column", "text", "--output", "out.parquet", "--k", "2", "--threads", "2", "--keep", "id")
    result = gradwell("text", "predict", folder / "model.bin", "--input", "part-0.parquet", "part-1.parquet", *more, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["id", "label", "probability"]
    printed = text("predict", folder / "model.bin", folder / "texts.txt", 2).split("\n")[:-1]
    assert [" ".join(labels) for labels in table["label"].to_pylist()][:40] == printed[:40]
    wanted = ("predict", "--model", folder / "model.bin", "--input", tmp_path / "part-*.parquet", "--column", "txt")
    wanted += ("--output", tmp_path / "x.csv")
    with pytest.raises(GradwellError, match="has no column 'txt'; it has 'id', 'text'"):
        text(*wanted)
    with pytest.raises(OptionError, match="needs -column, -output, too"):
        text(*wanted[:5])
    assert not (tmp_path / "x.csv").exists()


# Starting, ending, asking for help


def test_a_small_prediction_loads_neither_torch_nor_numba_nor_what_only_other_commands_need(folder):
    result = python("-X", "importtime", GRADWELL, "text", "predict", "model.bin", "texts.txt", cwd=folder)
    assert result.stdout.count("\n") == len(TEXTS)
    loaded = {line.rsplit("|", 1)[1].strip() for line in result.stderr.split("\n") if "|" in line}
    assert "numpy" in loaded
    assert not {"torch", "numba", "rich", "pydantic", "pyarrow", "optuna"} & loaded


def test_a_reader_who_has_seen_enough_ends_it_quietly(folder, tmp_path):
    (tmp_path / "long.txt").write_text("the1 of\n" * 10_000)
    command = [GRADWELL, "text", "predict", str(folder / "model.bin"), str(tmp_path / "long.txt"), "-1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"__label__")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


def test_help_shows_every_option_with_its_default():
    assert all(f"  {name} " in text("--help") for name in main.COMMANDS)
    for command in main.COMMANDS:
        assert text(command, "--help").startswith(f"usage: gradwell text {command} ")
    page = text("supervised", "-h")
    for name in NAMES:
        if name != "model":
            assert re.search(rf"^  -{name} ", page, re.MULTILINE)
            assert not getattr(SUPERVISED, name) or f"[{getattr(SUPERVISED, name)}]" in page
    assert "[0.05]" in text("skipgram", "--help")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=12)), st.integers(1, 9))
def test_blocks_are_whole_lines_and_lose_nothing(tmp_path_factory, pieces, size):
    data = b"\n".join(pieces)
    path = tmp_path_factory.mktemp("blocks") / "text"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch, streams.blocks(str(path)) as found:
        patch.setattr(streams, "BLOCK", size)
        blocks = list(found)
    assert b"".join(blocks) == data
    assert all(block.endswith(b"\n") for block in blocks[:-1])


# What cannot be done


@pytest.fixture(scope="module")
def bad(folder):
    """Texts that cannot be learned from, or only just."""
    rng = np.random.default_rng(0)
    (folder / "empty").touch()
    (folder / "labels").write_text("__label__a\n__label__b\n")
    (folder / "no-labels").write_text("a b\nc d\n")
    (folder / "one-label").write_text("__label__a x y\n__label__a y z\n")
    (folder / "junk").write_bytes(rng.integers(0, 256, 50_000, np.uint8).tobytes())
    (folder / "junk-label").write_bytes(rng.integers(0, 256, 50_000, np.uint8).tobytes() + b"\n__label__x a b c\n")
    (folder / "long").write_text("__label__a " + "word other " * 900_000 + "\n__label__b x\n")
    (folder / "three.vec").write_text("2 3\na 1 2 3\nb 1 2 3\n")
    (folder / "a-folder").mkdir()
    return folder


TEXT = ("supervised", "-input", "train.txt", "-output", "new")
IMPOSSIBLE = {
    "an empty file": (("supervised", "-input", "empty", "-output", "new"), "is empty; there must be at least one line"),
    "only labels": (("supervised", "-input", "labels", "-output", "new"), "has labels but no words"),
    "no labels": (("supervised", "-input", "no-labels", "-output", "new"), "has no labels; a label is a token that begins with"),
    "junk": (("supervised", "-input", "junk", "-output", "new"), "has no labels"),
    "too few words": (("skipgram", "-input", "no-labels", "-output", "new"), "Empty vocabulary: .* Try a smaller -minCount value"),
    "no input": (("supervised", "-input", "nowhere", "-output", "new"), "nowhere cannot be opened as the training text: No such file"),
    "a folder": (("supervised", "-input", "a-folder", "-output", "new"), "a-folder is a folder; .* must be a text file"),
    "no folder for the output": ((*TEXT[:3], "-output", "nowhere/new"), "nowhere/new.bin cannot be written as a model: No such file"),
    "an output without a name": ((*TEXT[:3], "-output", "a-folder/"), "which names no file; give a name, such as a-folder/model"),
    "a rate that is too high": ((*TEXT, "-lr", "100", "-wordNgrams", "1", "-verbose", "0"), "lr=100"),
    "no rows for n-grams": ((*TEXT, "-bucket", "0", "-wordNgrams", "2"), "bucket is 0, but wordNgrams or maxn asks for n-grams"),
    "too many threads": ((*TEXT, "-thread", "10000"), "thread is 10000; it must be from 0 to 1024"),
    "no dimensions": ((*TEXT, "-dim", "0"), "dim is 0; it must be from 1 to"),
    "vectors of other dimensions": ((*TEXT, "-pretrainedVectors", "three.vec"), r"vectors \(3\) does not match dimension \(100\)"),
    "no vectors": ((*TEXT, "-pretrainedVectors", "nowhere"), "nowhere cannot be opened as -pretrainedVectors"),
    "an unknown flag": ((*TEXT, "-wordngram", "2"), "supervised has no flag -wordngram; did you mean -wordNgrams?"),
    "a flag of another command": ((*TEXT, "--xyz"), "supervised has no flag --xyz; its flags are -input, -output"),
    "no value": ((*TEXT, "-lr"), "-lr needs a value: -lr NUMBER"),
    "a flag in place of a value": ((*TEXT, "-lr", "-epoch", "5"), "-lr needs a value: -lr NUMBER"),
    "a value too many": ((*TEXT, "-qnorm=1"), "-qnorm takes no value"),
    "a word for a number": ((*TEXT, "-epoch", "many"), "-epoch is 'many'; it must be a whole number"),
    "half an epoch": ((*TEXT, "-epoch", "0.5"), "-epoch is '0.5'; it must be a whole number"),
    "no flags": (("supervised", "train.txt"), "takes flags only, such as -input FILE; 'train.txt' stands alone"),
    "no output": (TEXT[:3], "supervised needs -output MODEL"),
    "an unknown loss": ((*TEXT, "-loss", "hinge"), "loss is 'hinge'; it can be hs, ns, softmax, ova"),
    "patience with nothing to wait for": ((*TEXT, "-patience", "3"), "needs a validation text"),
    "weights of nothing": ((*TEXT, "-class-weight", "heavy"), "it can be balanced, or LABEL=NUMBER"),
    "a label that is no text": ((*TEXT, "-label", "\udcff"), "it must be text in UTF-8"),
    "a shared search of nothing": ((*TEXT, "-autotune-storage", "sqlite:///s.db"), "is of a search, which needs -autotune-validation"),
    "an unknown command": (("predikt", "model.bin"), "no command 'predikt'; did you mean predict?"),
    "a model that is none": (("predict", "train.txt", "texts.txt"), "train.txt is not a model"),
    "no model": (("nn", "nowhere"), "nowhere cannot be opened for loading: No such file"),
    "no text": (("predict", "model.bin", "nowhere"), "nowhere cannot be opened as the text: No such file"),
    "no test text": (("test", "model.bin", "nowhere"), "nowhere cannot be opened as the test text"),
    "a folder of texts": (("predict", "model.bin", "a-folder"), "a-folder is a folder"),
    "k = 0": (("predict", "model.bin", "texts.txt", "0"), "k is 0; it must be 1 or more, or -1 for all labels"),
    "k = 0 neighbours": (("nn", "model.bin", "0"), "k is 0; it must be 1 or more$"),
    "a word for k": (("test", "model.bin", "texts.txt", "few"), "k is 'few'; it must be a whole number"),
    "a word for the threshold": (("predict", "model.bin", "texts.txt", "1", "high"), "the threshold is 'high'; it must be a number"),
    "too few values": (("print-ngrams", "model.bin"), "print-ngrams needs MODEL WORD; given: model.bin"),
    "too many values": (("nn", "model.bin", "1", "2"), r"nn takes MODEL \[K\]; 3 values were given"),
    "word vectors as a classifier": (("predict", "vectors.bin", "texts.txt"), "needs to be supervised"),
    "an unknown part": (("dump", "model.bin", "all"), "dump can print args, dict, input, output; 'all' was asked for"),
    "retraining without text": (("quantize", "-output", "model", "-retrain"), "-retrain needs -input FILE"),
    "no model to quantise": (("quantize", "-output", "nowhere"), "nowhere.bin cannot be opened for loading"),
}


@pytest.mark.parametrize(("words", "message"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_is_impossible_is_said_and_nothing_is_written(bad, monkeypatch, words, message):
    monkeypatch.chdir(bad)
    before = sorted(os.listdir(bad))
    with pytest.raises(TrainingError if "100" in words else GradwellError, match=message) as caught:
        text(*words)
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(bad)) == before


@pytest.mark.parametrize("name", ["one-label", "junk-label", "long"])
@pytest.mark.parametrize("loss", ["softmax", "ns"])
def test_what_is_odd_but_possible_is_learned(bad, tmp_path, name, loss):
    more = ("-dim", "4", "-verbose", "0", "-epoch", "1", "-thread", "2")
    text("supervised", "-input", bad / name, "-output", tmp_path / "odd", "-loss", loss, *more)
    answers = text("predict-prob", tmp_path / "odd.bin", bad / name).split("\n")
    assert len(answers) == (bad / name).read_bytes().count(b"\n") + 1
    assert answers[0] == "" or answers[0].startswith("__label__")


@pytest.mark.parametrize("words", [("predict", "model.bin", "nowhere"), ("cbow", "-input", "train.txt", "-output", "x", "-epochs", "3")])
def test_a_complaint_is_one_line_on_stderr_and_exit_status_2(bad, words):
    result = gradwell("text", *words, cwd=bad)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"gradwell: .+\n", result.stderr)


def test_stdout_that_is_full_is_a_complaint_too(folder):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        command = [sys.executable, GRADWELL, "text", "predict", "model.bin", "texts.txt"]
        result = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 2
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
