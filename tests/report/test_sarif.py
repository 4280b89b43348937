"""What is written for code scanning is what the standard says, and stays the same when lines move."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

from gradwell.doctor.catalogue import catalogue
from gradwell.doctor.finding import Where
from gradwell.doctor.judge import Verdict
from gradwell.doctor.learned import Learned
from gradwell.report.data import Report
from gradwell.report.sarif import as_sarif

STANDARD = json.loads(Path(__file__).with_name("sarif-schema-2.1.0.json").read_text())
NOTHING = Report(None, Verdict((), (), Learned("unknown")), ("the script did not import torch",))


def run(report: Report) -> dict[str, Any]:
    document = json.loads(json.dumps(as_sarif(report), allow_nan=False))
    Draft4Validator(STANDARD, format_checker=FormatChecker()).validate(document)
    (only,) = document["runs"]
    return dict(only)


def moved(report: Report, lines: int) -> Report:
    verdict = report.verdict
    there = [replace(f, where=replace(f.where, line=f.where.line and f.where.line + lines)) for f in verdict.findings]
    return replace(report, verdict=replace(verdict, findings=tuple(there)))


def test_every_report_keeps_the_standard(sick: Report, well: Report) -> None:
    for report in (sick, NOTHING, *(replace(one, verdict=replace(one.verdict, rules=catalogue())) for one in (sick, well))):
        run(report)


def test_a_result_has_its_rule_its_level_and_its_place(sick: Report) -> None:
    found = run(replace(sick, verdict=replace(sick.verdict, rules=catalogue())))
    first = next(result for result in found["results"] if result["ruleId"] == "GW201")
    assert found["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == "GW201"
    assert first["level"] == "warning"
    assert first["message"]["text"].startswith("The first layer moves 1e-5 times as far as the last.")
    (place,) = first["locations"]
    assert place["physicalLocation"] == {"artifactLocation": {"uri": "train.py", "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 12}}
    assert place["logicalLocations"] == [{"name": "0", "fullyQualifiedName": "net.0", "kind": "module"}]
    assert first["properties"]["evidence"]["first / last"] == 1.2e-5


def test_what_a_finding_explains_is_related_to_it(sick: Report) -> None:
    first = next(result for result in run(sick)["results"] if result["ruleId"] == "GW201")
    assert [place["message"]["text"][:21] for place in first["relatedLocations"]] == ["GW105 signal-collapse", "GW605 input-ignored: "]
    assert [place["id"] for place in first["relatedLocations"]] == [1, 2]


def test_a_finding_without_a_line_is_shown_where_the_script_trains(sick: Report) -> None:
    error = next(result for result in run(sick)["results"] if result["level"] == "error")
    assert sick.verdict.findings[0].where.file is None
    assert error["locations"] == [{
        "physicalLocation": {"artifactLocation": {"uri": "train.py", "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 40}},
        "logicalLocations": [{"name": "model", "fullyQualifiedName": "model", "kind": "module"}]}]
    nowhere = run(replace(sick, record=None))["results"][0]["locations"]
    assert nowhere == [{"logicalLocations": [{"name": "model", "fullyQualifiedName": "model", "kind": "module"}]}]


def test_fingerprints_are_of_one_finding_each_and_stay_when_lines_move(sick: Report) -> None:
    before, after = ([result["partialFingerprints"]["gradwell/v1"] for result in run(report)["results"]]
                     for report in (sick, moved(sick, 40)))
    assert before == after
    assert len(set(before)) == len(before)
    twice = replace(sick, verdict=replace(sick.verdict, findings=sick.verdict.findings[:1] * 2))
    first, second = (result["partialFingerprints"]["gradwell/v1"] for result in run(twice)["results"])
    assert (first[:-2], first[-2:], second[-2:]) == (second[:-2], ":1", ":2")


def test_files_are_named_from_the_root_of_the_repository(sick: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path / "a b")
    finding = replace(sick.verdict.findings[0], where=Where("m", "", str(tmp_path / "a b" / "ü.py"), 3), explains=())
    other = replace(finding, where=Where("m", "", "/elsewhere/x.py"))
    places = [result["locations"][0]["physicalLocation"] for result in
              run(replace(sick, verdict=replace(sick.verdict, findings=(finding, other))))["results"]]
    assert places[0]["artifactLocation"] == {"uri": "a%20b/%C3%BC.py", "uriBaseId": "%SRCROOT%"}
    assert places[1] == {"artifactLocation": {"uri": "file:///elsewhere/x.py"}}


def test_what_is_allowed_is_there_as_suppressed(sick: Report) -> None:
    first, *others = sick.verdict.findings
    results = run(replace(sick, verdict=replace(sick.verdict, findings=tuple(others), allowed=(first,))))["results"]
    assert [result["ruleId"] for result in results if "suppressions" in result] == [first.code]


def test_the_rules_come_with_their_pages_and_what_was_not_seen_as_notifications(sick: Report) -> None:
    found = run(replace(sick, verdict=replace(sick.verdict, rules=catalogue())))
    rules = {rule["id"]: rule for rule in found["tool"]["driver"]["rules"]}
    assert len(rules) == len(catalogue())
    assert rules["GW101"]["name"] == "DeadRelu"
    assert rules["GW101"]["defaultConfiguration"] == {"level": "warning"}
    assert rules["GW101"]["help"]["markdown"].startswith("# GW101 dead-relu")
    assert "](zh/" not in rules["GW101"]["help"]["markdown"], "links lead somewhere from any place"
    (invocation,) = found["invocations"]
    assert "a compiled region could not be looked into" in [one["message"]["text"] for one in invocation["toolExecutionNotifications"]]
