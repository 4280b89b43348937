"""The record: what goes in comes out, and nothing else is taken for a record."""

import math
import sqlite3
from shutil import copyfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwell.doctor.record import Record
from gradwell.errors import RecordError


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(width=64)), max_size=40))
def test_readings_come_out_as_they_went_in(readings):
    record = Record.create()
    site = record.site("layer", "net.0", "Linear")
    for step, value in readings:
        record.add("delta", site, step, value)
    by_step = {}
    for step, value in readings:
        by_step.setdefault(step, []).append(value)
    series = record.series("delta", record.sites("layer")[0])
    assert [step for step, _ in series] == sorted(by_step)
    for step, value in series:
        if len(by_step[step]) == 1:
            (expected,) = by_step[step]
            assert value == expected or (math.isnan(value) and math.isnan(expected))


def test_a_record_is_read_while_it_is_written(tmp_path):
    writer = Record.create(tmp_path / "record.sqlite")
    writer.add("loss", writer.site("loss", "loss"), 1, 0.5)
    writer.note("steps", 1)
    writer.flush()
    reader = Record.open(tmp_path)
    assert reader.series("loss") == [(1, 0.5)]
    assert reader.steps == 1
    (mode,) = sqlite3.connect(tmp_path / "record.sqlite").execute("pragma journal_mode").fetchone()
    assert mode == "wal"


def test_whoever_follows_a_record_reads_each_reading_once_with_its_place(tmp_path):
    writer = Record.create(tmp_path / "record.sqlite")
    layer = writer.site("layer", "net.0", "Linear")
    for step, value in ((1, 0.5), (2, math.inf)):
        writer.add("loss", 0, step, value)
        writer.add("delta", layer, step, value)
    writer.flush()
    reader = Record.open(tmp_path)
    (first,) = reader.after(0, ["loss"], most=1)
    assert first == (1, "loss", None, 1, 0.5)
    later = writer.site("layer", "net.1", "Linear")  # a place that the reader did not know of
    writer.add("delta", later, 2, 0.0)
    writer.flush()
    rest = reader.after(first[0], ["loss", "delta"])
    assert [(row, signal, site and site.module, step, value) for row, signal, site, step, value in rest] == [
        (2, "delta", "net.0", 1, 0.5), (3, "loss", None, 2, math.inf), (4, "delta", "net.0", 2, math.inf), (5, "delta", "net.1", 2, 0.0)]
    assert reader.after(5, ["loss", "delta"]) == []


@pytest.mark.parametrize("kept", [True, False], ids=["in a file", "in memory"])
def test_a_copy_holds_what_was_flushed_and_no_longer_changes(kept, tmp_path):
    record = Record.create(tmp_path / "record.sqlite" if kept else None)
    record.add("loss", record.site("loss", "loss"), 1, 0.5)
    record.flush()
    record.note("steps", 1)  # a change that is under way
    copy = record.copy()
    record.add("loss", 1, 2, 0.25)
    record.flush()
    assert copy.series("loss") == [(1, 0.5)]
    assert [site.kind for site in copy.sites()] == ["loss"]
    assert copy.steps == 1
    assert record.series("loss") == [(1, 0.5), (2, 0.25)]


def test_facts_come_in_the_order_in_which_they_were_noted():
    record = Record.create()
    for value in ([1], {"a": None}, "x"):
        record.fact("chain", 1, 7, value)
    assert [value for _, value in record.facts("chain")] == [[1], {"a": None}, "x"]


def test_a_file_whose_name_is_no_text_is_noted_all_the_same(tmp_path):
    record = Record.create(tmp_path / "record.sqlite")
    record.site("loss", "loss", file="caf\udce9.py", line=3)
    record.close()
    assert Record.open(tmp_path).sites()[0].file == "caf?.py"


def foreign(path):
    connection = sqlite3.connect(path)
    connection.execute("create table t (x)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(("make", "says"), [
    (lambda path: None, "no record at"),
    (lambda path: path.write_bytes(b""), "not a record"),
    (lambda path: path.write_bytes(b"no database at all" * 100), "not a record"),
    (foreign, "not a record of gradwell"),
])
def test_what_is_no_record_is_refused_by_name(make, says, tmp_path):
    make(tmp_path / "record.sqlite")
    with pytest.raises(RecordError, match=says):
        Record.open(tmp_path / "record.sqlite")


def test_a_record_that_was_copied_without_its_log_says_what_to_copy(tmp_path):
    running = Record.create(tmp_path / "record.sqlite")
    running.note("started", 1.0)
    running.flush()
    for folder, suffixes in (("without", [""]), ("whole", ["", "-wal"])):
        (tmp_path / folder).mkdir()
        for suffix in suffixes:
            copyfile(tmp_path / f"record.sqlite{suffix}", tmp_path / folder / f"record.sqlite{suffix}")
    running.close()
    with pytest.raises(RecordError, match=r"record.sqlite is empty: .* record.sqlite-wal; copy that with it"):
        Record.open(tmp_path / "without")
    assert Record.open(tmp_path / "whole").meta("started") == 1.0


def test_a_damaged_record_is_refused(tmp_path):
    path = tmp_path / "record.sqlite"
    record = Record.create(path)
    for step in range(5000):
        record.add("loss", 1, step, 0.5)
    record.close()
    data = bytearray(path.read_bytes())
    data[4096:len(data) - 4096] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(RecordError, match="damaged"):
        Record.open(path)
