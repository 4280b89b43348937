"""Pairs of sentences from files, and what is said of bad ones."""

import pytest

from gradwell.errors import DataError
from gradwell.translate.pairs import Pairs, held_out, read


def files(tmp_path, source, target):
    a, b = tmp_path / "a.txt", tmp_path / "b.txt"
    a.write_bytes(source if isinstance(source, bytes) else source.encode())
    b.write_text(target)
    return a, b


def test_two_files_are_read_line_by_line(tmp_path):
    pairs = read(*files(tmp_path, "eins\r\nzwei  drei\n", "one\ntwo three"))
    assert (pairs.source, pairs.target, pairs.empty) == (["eins", "zwei drei"], ["one", "two three"], 0)


def test_files_of_different_length_are_refused_with_both_lengths(tmp_path):
    with pytest.raises(DataError, match=r"a\.txt has 2 lines and .*b\.txt has 1"):
        read(*files(tmp_path, "eins\nzwei\n", "one\n"))


def test_pairs_with_an_empty_side_are_left_out_and_counted(tmp_path):
    pairs = read(*files(tmp_path, "eins\n\n \ndrei\n", "one\ntwo\n\nthree\n"))
    assert (pairs.source, pairs.target, pairs.empty) == (["eins", "drei"], ["one", "three"], 2)


@pytest.mark.parametrize(("source", "target", "says"), [("", "", "is empty"), ("a\nb\n", "\n\n", "no pair with both sides; 2 lines")])
def test_nothing_to_learn_from_is_said(tmp_path, source, target, says):
    with pytest.raises(DataError, match=says):
        read(*files(tmp_path, source, target))


def test_a_table_needs_a_tab_in_each_line(tmp_path):
    table = tmp_path / "pairs.tsv"
    table.write_text("你好\thello\tby someone\n\n再见\tgoodbye\n")
    assert read(table).source == ["你好", "再见"]
    table.write_text("你好\thello\nno tab\n")
    with pytest.raises(DataError, match=r"pairs\.tsv, line 2, has no tab"):
        read(table)


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r"a\.txt, line 2, is not UTF-8"):
        read(*files(tmp_path, b"eins\n\xff\xfe\n", "one\ntwo\n"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.txt cannot be read: No such file"):
        read(tmp_path / "nothing.txt")


def test_control_characters_are_left_out(tmp_path):
    assert read(*files(tmp_path, "ei\x1b[31mns \x00\n", "one\u202e\n")).source == ["ei [31mns"]


def test_no_target_is_both_learned_from_and_measured_on():
    pairs = Pairs([f"s{i}" for i in range(400)], [f"t{i % 100}" for i in range(400)])
    learn, measure = held_out(pairs)
    assert len(learn) + len(measure) == 400
    assert len(set(measure.target)) == 5
    assert not set(learn.target) & set(measure.target)
    with pytest.raises(DataError, match="20 or more"):
        held_out(Pairs(["a"], ["b"]))
