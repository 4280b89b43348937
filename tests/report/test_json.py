from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from gradwell.doctor.judge import Verdict, judge
from gradwell.doctor.learned import Learned
from gradwell.doctor.record import Record
from gradwell.report.data import Report
from gradwell.report.json import as_json, strict

SCHEMA = json.loads(Path(__file__).parents[2].joinpath("docs", "findings.schema.json").read_text())


def validate(report: dict[str, Any]) -> None:
    Draft202012Validator(SCHEMA).validate(report)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_report_keeps_the_contract(sick: Report, well: Report) -> None:
    for report in (sick, well, Report(None, Verdict((), (), Learned("unknown")), ("the script did not import torch",))):
        validate(json.loads(json.dumps(as_json(report), allow_nan=False)))


def test_the_schema_refuses_what_is_not_in_the_contract(sick: Report) -> None:
    for path, value in (("severity", "fatal"), ("code", "dead-relu"), ("explains", [{}]), ("more", 1)):
        broken = copy.deepcopy(as_json(sick))
        broken["findings"][0][path] = value
        with pytest.raises(ValidationError):
            validate(broken)


def test_all_findings_are_there_with_the_most_blamed_first(sick: Report) -> None:
    found = as_json(sick)["findings"]
    assert [f["code"] for f in found] == ["GW405", "GW201", "GW101", "GW601", "GW601", "GW601", "GW601"]
    assert found[1]["explains"][0]["explains"][0]["name"] == "input-ignored"
    assert found[3]["where"] == {"module": "net.2", "file": "train.py", "line": 12}


def test_what_the_trainer_told_and_who_trained_together_is_there(sick: Report) -> None:
    assert [as_json(sick)[name] for name in ("epochs", "metrics", "ranks")] == [0, [], []]
    record = Record.create()
    record.note("steps", 20)
    for name, values in (("val_loss", (0.5, 0.4, float("nan"))), ("lr", (0.1,))):
        site = record.site("metric", name, "metric")
        for epoch, value in enumerate(values, 1):
            record.add("metric", site, 10 * epoch, value)
            record.add("epoch", 0, 10 * epoch, epoch)
    told = as_json(Report(record, replace(judge(record, ()), ranks=(0, 1))))
    validate(told)
    assert (told["epochs"], told["ranks"]) == (3, [0, 1])
    assert told["metrics"] == [
        {"name": "val_loss", "last": {"step": 30, "value": "nan"}, "best": {"step": 20, "value": 0.4}},
        {"name": "lr", "last": {"step": 10, "value": 0.1}, "best": None}]


def test_numbers_that_json_lacks_become_text() -> None:
    assert strict({"a": float("nan"), 2: (float("inf"), float("-inf")), "c": True, "d": {1}}) == {
        "a": "nan", "2": ["inf", "-inf"], "c": True, "d": [1]}


def test_what_could_not_be_seen_is_among_the_notices(sick: Report) -> None:
    assert as_json(sick)["notices"] == [
        "process 1 wrote a record of its own", "the probe memory failed and switched itself off: OverflowError: too large",
        "a compiled region could not be looked into"]
