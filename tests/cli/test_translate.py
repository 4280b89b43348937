"""`gradwell translate` as it is typed."""

import json

import pytest

from tests.command import gradwell, inside
from tests.translate.conftest import TEN

OPTIONS = {
    "embedding": 32, "hidden": 64, "vocabulary": 120, "dropout": 0, "label-smoothing": 0, "epochs": 40, "batch-tokens": 50, "lr": 0.01,
    "warmup": 5, "average": 1, "patience": 40,
}  # fmt: skip
SMALL = [f"--{name}={value}" for name, value in OPTIONS.items()]
FILES = ["--source", "a.de", "--target", "a.en"]
VALID = ["--valid-source", "a.de", "--valid-target", "a.en"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "a.de").write_text("\n".join(TEN.source) + "\n")
    (folder / "a.en").write_text("\n".join(TEN.target) + "\n")
    result = gradwell("translate", "train", "model", *FILES, *VALID, *SMALL, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_training_ends_with_figures_and_the_doctors_findings(place):
    _, result = place
    assert result.stdout == ""
    assert "10 pairs to learn from, 10 to measure on" in result.stderr
    assert "parameters, BLEU" in result.stderr
    assert "gradwell: all is well" in result.stderr, "our own network is healthy"


def test_what_the_doctor_said_is_kept_beside_the_model(place):
    said = json.loads((place[0] / "model" / "doctor.json").read_text())
    assert (said["findings"], said["learned"]["answer"]) == ([], "yes")


def test_lines_from_stdin_are_translated_one_by_one(place):
    result = gradwell("translate", "predict", "model", cwd=place[0], input="ein mann geht .\n\ndie katze schläft .\n")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "a man walks .\n\nthe cat sleeps .\n"


def test_bfloat16_translates_what_was_learned_by_heart_too(place):
    result = inside("translate", "predict", "model", "--bf16", cwd=place[0], input="ein mann geht .\n")
    assert (result.returncode, result.stdout) == (0, "a man walks .\n"), result.stderr


def test_the_n_best_come_with_rank_and_score(place):
    result = inside("translate", "predict", "model", "--n-best", "3", "--beam", "3", cwd=place[0], input="ein mann geht .\n")
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:2] for row in rows] == [["1", "1"], ["1", "2"], ["1", "3"]]
    assert rows[0][3] == "a man walks ."


def test_a_reference_is_scored_token_by_token(place):
    (place[0] / "said.txt").write_text("a man walks .\n")
    result = inside("translate", "predict", "model", "--reference", "said.txt", cwd=place[0], input="ein mann geht .\n")
    total, tokens = result.stdout.rstrip("\n").split("\t")
    scores = [float(word.rsplit(":", 1)[1]) for word in tokens.split()]
    assert float(total) == pytest.approx(sum(scores), abs=0.01)
    assert tokens.endswith("</s>:" + tokens.rsplit(":", 1)[1])


def test_score_prints_sacrebleus_signature(place):
    result = inside("translate", "score", "model", *FILES, "--beam", "1", cwd=place[0])
    lines = result.stdout.splitlines()
    assert lines[0].startswith("BLEU 100.00  nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert "case:lc" in lines[1]
    assert lines[2].startswith("chrF")


@pytest.mark.parametrize("beam", ["1", "4"])
def test_show_draws_the_alignment_with_beam_search_too(place, beam):
    options = ["--beam", beam, "--svg", "a.svg", "--png", "a.png", "--json", "a.json"]
    result = inside("translate", "show", "model", "die frau isst einen apfel .", *options, cwd=place[0])
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("the woman eats an apple .\n")
    assert "█" in result.stdout or "▓" in result.stdout or "▒" in result.stdout
    found = json.loads((place[0] / "a.json").read_text())
    assert found["source"] == ["die", "frau", "isst", "einen", "apfel", ".", "</s>"]
    assert "<svg" in (place[0] / "a.svg").read_text()
    assert (place[0] / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore")  # the exporter's own
def test_an_export_translates_in_onnx_runtime(place):
    pytest.importorskip("onnxruntime")
    from gradwell.translate import OnnxTranslator

    done = inside("translate", "export", "model", "onnx", cwd=place[0])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert OnnxTranslator(place[0] / "onnx").translate(["ein mann geht ."])[0].text == "a man walks ."


@pytest.mark.parametrize(("arguments", "says"), [
    (["predict", "nothing"], "nothing holds no translator"),
    (["predict", "model", "--n-best", "9"], "--n-best 9 needs a beam of at least 9; --beam is 5"),
    (["show", "model", " "], "the sentence is empty"),
    (["export", "model", "model"], "already holds a model"),
    (["train", "new", "--source", "a.de", "--target", "short.en"], "a.de has 10 lines and short.en has 1"),
    (["train", "new", "--source", "gone.de", "--target", "a.en"], "gone.de cannot be read: No such file"),
    (["train", "new", *FILES, "--attention", "glance"], "attention is 'glance'; it can be none, additive"),
    (["train", "new", *FILES, *VALID, "--strategy", "fsdp"], "strategy is 'fsdp'; it can be auto, ddp"),
    (["train", "new", *FILES], "without pairs to measure on there must be 20 or more"),
    (["train", "model", *FILES, *VALID], "already holds"),
    (["train", "a.de/new", *FILES, *VALID], "cannot be written"),
    (["train", "new", "--source", "a.de"], "a.de, line 1, has no tab"),
    (["score", "model", *FILES, "--tokenize", "mine"], "tokenize is 'mine'"),
    (["predict"], "Missing argument 'MODEL'"),
    (["dance"], "No such command 'dance'"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")  # fmt: skip
def test_bad_input_ends_in_one_clear_line_and_makes_nothing(place, arguments, says):
    (place[0] / "short.en").write_text("one\n")
    result = inside("translate", *arguments, cwd=place[0], input="ein mann geht .\n")
    assert result.returncode == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert not (place[0] / "new" / "config.json").exists()
