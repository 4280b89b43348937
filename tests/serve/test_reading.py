import json
import sqlite3

import pytest

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.errors import RecordError
from gradwell.serve import reading
from gradwell.serve.folder import Folder
from gradwell.serve.layers import gains
from gradwell.serve.losses import losses
from gradwell.serve.reading import Reading


def test_series_are_those_of_the_record(folder):
    record = Record.open(folder / "sick")
    with Reading(folder / "sick" / "record.sqlite") as seen:
        found = seen.series([signals.LOSS.name, signals.DELTA.name])
        assert seen.meta()["steps"] == record.steps
    for name, kind in ((signals.LOSS.name, "loss"), (signals.DELTA.name, "layer")):
        for site in record.sites(kind):
            assert found.get((name, site.id), []) == record.series(name, site)
    record.close()


def test_the_loss_and_the_trivial_predictor_are_those_that_the_report_draws(folder):
    record = Record.open(folder / "sick")
    (site,) = record.sites("loss")
    with Reading(folder / "sick" / "record.sqlite") as seen:
        (found,) = losses(seen)
    assert found["points"] == record.series(signals.LOSS.name, site)
    assert found["trivial"][:-1] == record.series(signals.TRIVIAL_LOSS.name, site)
    record.close()


def test_the_factors_of_a_gain_are_those_of_the_report(folder):
    from gradwell.report.gains import from_record

    record = Record.open(folder / "sick")
    with Reading(folder / "sick" / "record.sqlite") as seen:
        found = gains(seen, seen.places())
    assert [[row[name] for name in ("weights", "activation", "normalization", "gradient")] for row in found] == [
        [gain.weights, gain.activation, gain.normalization, gain.gradient] for gain in from_record(record)]
    record.close()


def made(path, *statements):
    db = sqlite3.connect(path)
    db.executescript(f"pragma application_id={reading.APPLICATION}; pragma user_version={reading.SCHEMA};" + ";".join(statements))
    db.commit()
    db.close()
    return path


TABLES = ("create table site (id, kind, module, type, file, line)", "create table reading (signal, site, step, value)",
          "create table meta (key, value)")


@pytest.mark.parametrize("statements", [
    (),
    (*TABLES[:2], "create view meta as select 'steps' as key, '1' as value"),
    (*TABLES, "create trigger t after insert on site begin select 1; end"),
])
def test_what_is_no_plain_record_is_refused(tmp_path, statements):
    with pytest.raises(RecordError, match="not a record that this version"):
        Reading(made(tmp_path / "record.sqlite", *statements))


def test_a_hostile_record_is_read_within_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "FACT", 1000)
    path = made(tmp_path / "record.sqlite", *TABLES,
                f"insert into site values (1, 'layer', '{'x' * 9999}\x1b[31m', null, 3, 'no line')",
                "insert into reading values ('loss', 1, 1, 'nan'), ('loss', 1, 2, x'00'), ('loss', 1, 'three', 3.0), ('loss', 1, 4, 4)",
                f"insert into reading values ('fact', 1, 1, '{json.dumps('y' * 2000)}'), ('fact', 1, 2, '[1'), ('fact', 1, 3, '[1]')",
                "insert into meta values ('steps', 'not json'), ('script', '\"a\"')")
    with Reading(path) as record:
        (place,) = record.places()
        assert len(place.module) <= reading.TEXT
        assert "\x1b" not in place.module
        assert place.line is None
        assert [step for step, _ in record.series(["loss"])["loss", 1]] == [1, 4]
        assert list(record.facts("fact")) == [(1, 3, [1])]
        assert record.meta() == {"script": "a"}


def test_a_question_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "SECONDS", 0.0)
    monkeypatch.setattr(reading, "TICKS", 1)
    path = made(tmp_path / "record.sqlite", *TABLES, *["insert into meta values ('a', '1')"] * 50)
    with pytest.raises(RecordError):
        Reading(path).meta()


@pytest.mark.parametrize("name", ["", ".", "..", "../runs", "sick/../../x", "/etc", "nothing", "a\0b", "outside"])
def test_nothing_outside_of_the_folder_can_be_named(folder, tmp_path, name):
    link = folder / "outside"
    target = made(tmp_path / "record.sqlite", *TABLES).parent
    link.symlink_to(target)
    try:
        with pytest.raises(RecordError, match="no run"):
            Folder(folder).record(name)
        assert "outside" not in Folder(folder).names()
    finally:
        link.unlink()


def test_a_damaged_run_is_listed_with_what_is_wrong(folder):
    assert "cannot be read" in Folder(folder).about("foreign")["error"]
