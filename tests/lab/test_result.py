import json
import math

import pytest

from gradwell.errors import DataError, ModelFileError
from gradwell.lab import run
from gradwell.lab.result import load, save
from gradwell.lab.shelf import file
from tests.lab.example import Walk


def test_a_result_is_read_as_it_was_written(tmp_path):
    result = run(Walk(smooth=True), seeds=2)
    save(result, tmp_path / "new" / "walk.json")
    again = load(tmp_path / "new" / "walk.json")
    assert again.main.verdict == result.main.verdict
    assert again.control.rows == result.control.rows
    assert again.main.knobs == {**result.main.knobs, "sizes": [0.5, 1.0]}


def test_numbers_that_are_not_finite_survive_and_the_file_is_json(tmp_path):
    result = run(Walk(steps=1), seeds=1)
    result.main.rows[0] |= {"a": math.inf, "b": -math.inf, "c": math.nan, "d": True}
    save(result, tmp_path / "walk.json")
    json.loads((tmp_path / "walk.json").read_text(), parse_constant=pytest.fail)
    row = load(tmp_path / "walk.json").main.rows[0]
    assert (row["a"], row["b"], row["d"]) == (math.inf, -math.inf, True)
    assert math.isnan(row["c"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"main_rows": 3}', "\x00"])
def test_what_is_no_result_is_said(tmp_path, text):
    (tmp_path / "walk.json").write_text(text)
    with pytest.raises(DataError, match=r"walk\.json is no result of the lab"):
        load(tmp_path / "walk.json")


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((ModelFileError, OSError)):
        save(run(Walk(steps=1), 1), tmp_path / "file" / "walk.json")


def test_turned_knobs_have_a_file_of_their_own(tmp_path):
    assert file(Walk(), tmp_path).name == "walk.json"
    assert file(Walk(steps=3), tmp_path).name == "walk.knobs.json"
