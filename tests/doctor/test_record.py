"""The record: what goes in comes out, and nothing else is taken for a record."""

import math
import sqlite3

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
