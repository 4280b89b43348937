"""What is allowed counts for nothing, and hides nothing else."""

import pytest

from gradwell.doctor import signals
from gradwell.doctor.allowance import NOTED
from gradwell.doctor.catalogue import rule
from gradwell.doctor.finding import Finding, Where, fails
from gradwell.doctor.judge import judge
from gradwell.doctor.record import Record
from gradwell.report.data import Report

DOUBLE = {"loss": "nll", "operations": ["LogSoftmax", "Softmax"], "softmax_sizes": [3, 3]}


def record(*comments):
    made = Record.create()
    made.note("steps", 10)
    for line in (5, 9):
        made.fact(signals.CHAIN.name, made.site("loss", "loss", "nll", "train.py", line), 1, DOUBLE)
    made.note(NOTED, [dict(zip(("line", "first", "last", "words"), comment, strict=True), file="train.py") for comment in comments])
    return made


def found(made):
    return [finding.where.line for finding in judge(made, [rule("GW302")]).findings]


@pytest.mark.parametrize("word", ["GW302", "gw302", "double-softmax"])
def test_only_the_statement_and_the_rule_are_allowed(word):
    assert found(record()) == [5, 9]
    assert found(record((6, 4, 6, [word]))) == [9]
    assert found(record((6, 6, 6, [word]))) == [5, 9]
    assert found(record((5, 5, 5, ["GW303"]))) == [5, 9]
    assert found(record((5, 5, 5, [word]), (9, 9, 9, [word]))) == []


def test_the_report_says_what_was_allowed_and_which_comments_are_of_no_use():
    made = record((5, 5, 5, ["GW302"]), (7, 0, 0, ["GW101"]), (8, 8, 8, []), (9, 9, 9, ["GW3"]))
    first, *useless = Report(made, judge(made, [rule("GW302")])).limits
    assert first == "1 finding allowed at train.py:5 (GW302)"
    assert [" ".join(limit.partition("train.py:")[2].split()[:5]) for limit in useless] == [
        "7 stands on no statement,", "8 names no rule, so", "9 names 'GW3', which is"]


def finding(severity, *explains):
    return Finding("GW101", "dead-relu", severity, "", Where("m"), 1, 2, {}, "", "", explains=explains)


def test_an_error_that_a_milder_finding_explains_is_still_an_error():
    assert fails([finding("note", finding("error"))], "error")
    assert not fails([finding("note")], "warning")
    assert fails([finding("note")], "note")
    assert not fails([finding("error")], "never")
    assert not fails([], "note")
