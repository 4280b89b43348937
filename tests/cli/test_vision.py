"""`gradwell vision` as it is typed."""

import json

import pytest
from PIL import Image

from tests.command import gradwell, inside
from tests.vision.conftest import digits

OPTIONS = ["--width=12", "--epochs=10", "--batch=32", "--lr=0.01", "--shift=0", "--erase=0", "--label-smoothing=0"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    for part, first, last in (("train", 0, 700), ("test", 1400, 1500)):
        images = digits(first, last)
        for i in range(len(images)):
            where = folder / "data" / part / str(images.labels[i])
            where.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images.pixels[i, 0]).save(where / f"{i}.png")
    result = gradwell("vision", "train", "data", "model", *OPTIONS, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_training_ends_with_figures_and_the_doctors_findings(place):
    _, result = place
    assert result.stdout == ""
    assert "grey images of 8 x 8 pixels in 10 classes to learn from" in result.stderr
    assert "images a second" in result.stderr
    assert "of the images to measure on are right" in result.stderr
    assert "gradwell: all is well" in result.stderr, "our own network is healthy"
    assert json.loads((place[0] / "model" / "doctor.json").read_text())["findings"] == []


def test_score_prints_accuracy_and_each_class(place):
    result = inside("vision", "score", "model", "data", "--json", "s.json", "--picture", "c.png", cwd=place[0])
    assert result.returncode == 0, result.stderr
    accuracy = float(result.stdout.split()[1])
    assert accuracy > 0.85
    told = json.loads((place[0] / "s.json").read_text())
    assert told["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert sum(map(sum, told["confusion"])) == told["images"] == 100
    assert len([line for line in result.stdout.splitlines() if line.split()[:1] and line.split()[0].isdigit()]) == 10
    assert (place[0] / "c.png").read_bytes().startswith(b"\x89PNG")


def test_predict_prints_name_class_and_probability(place):
    paths = sorted(str(path.relative_to(place[0])) for path in (place[0] / "data" / "test" / "0").iterdir())
    result = gradwell("vision", "predict", "model", *paths, "--top", "2", cwd=place[0])
    assert result.returncode == 0, result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == paths
    assert sum(row[1] == "0" for row in rows) > len(rows) / 2
    assert all(float(row[2]) >= float(row[4]) for row in rows)


def test_an_image_that_cannot_be_read_is_named_and_the_others_predicted(place):
    (place[0] / "bad.png").write_text("no image")
    good = next((place[0] / "data" / "test" / "0").iterdir())
    result = inside("vision", "predict", "model", "bad.png", str(good), cwd=place[0])
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == "gradwell: bad.png cannot be read: it is damaged, or no image\n"


def test_an_export_runs(place):
    result = gradwell("vision", "export", "model", "m.onnx", cwd=place[0])
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (place[0] / "m.onnx").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "nowhere", "m"], "nowhere is not there; give IDX files, an npz, or a folder"),
        (["train", "data", "model"], "already holds a model"),
        (["train", "data", "m", "--width", "0"], "width is 0; it must be 2 or more"),
        (["train", "data", "m", "--classes", "a,b"], "2 names were given, and data has 10 classes"),
        (["train", "one", "m"], "has only the class 'cat'"),
        (["score", "nowhere", "data"], "holds no image classifier"),
        (["score", "model", "data", "--part", "x"], "part is 'x'; it can be train or test"),
        (["score", "model", "one"], "has the class 'cat'; there are only 0, 1, 2"),
        (["predict", "model", "large.png"], "large.png is 9 x 9 pixels of 1 channels; the classifier was trained on 8 x 8 of 1"),
        (["predict", "model", "colour.png"], "colour.png is 8 x 8 pixels of 3 channels; the classifier was trained on 8 x 8 of 1"),
        (["predict", "model", "nothing"], "nothing holds no images; their names end in"),
        (["fly"], "No such command 'fly'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(place, arguments, words):
    folder = place[0]
    for name in ("one/cat", "nothing"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(3):
        Image.new("L", (8, 8), i).save(folder / "one" / "cat" / f"{i}.png")
    Image.new("L", (9, 9)).save(folder / "large.png")
    Image.new("RGB", (8, 8)).save(folder / "colour.png")
    result = inside("vision", *arguments, cwd=folder)
    assert result.returncode == 2
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "to learn from" not in line]
    assert len(lines) == 1, result.stderr
    assert words in lines[0]
