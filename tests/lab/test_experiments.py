"""The laws of all experiments: each is tested in its quick form, and a new experiment needs no new test."""

import re
from functools import cache
from itertools import islice

import pytest

from gradwell.doctor.catalogue import rule
from gradwell.lab import catalogue, experiment, results
from gradwell.lab.knobs import knobs, turned
from gradwell.lab.result import load
from gradwell.lab.rows import kept
from gradwell.lab.running import alone, with_knobs
from gradwell.lab.shelf import SHIPPED, file

CLAIMS = pytest.mark.parametrize("name", [one.id for one in catalogue()])


@cache
def quickly(name):
    """The quick form's result over two seeds, measured once for all tests."""
    return next(results([with_knobs(experiment(name), quick=True)], seeds=2))


@CLAIMS
def test_the_quick_form_comes_to_the_verdict_that_was_measured_in_full(name):
    one, full = experiment(name), load(file(experiment(name), SHIPPED))
    if one.timed:
        pytest.skip(f"{name} is judged by a clock")
    assert quickly(name).main.verdict.holds == full.main.verdict.holds, quickly(name).main.verdict.because


@CLAIMS
def test_the_verdict_flips_without_the_cause(name):
    one, quick = experiment(name), quickly(name)
    if one.timed:
        pytest.skip(f"{name} is judged by a clock")
    assert quick.control.verdict.holds != quick.main.verdict.holds, quick.control.verdict.because


@CLAIMS
def test_the_same_seed_gives_the_same_first_rows(name):
    one = with_knobs(experiment(name), quick=True)
    rows = [row for row in quickly(name).main.rows if row["seed"] == 1]
    if one.timed:
        pytest.skip(f"{name} measures times")
    with alone():
        again = [kept(row) for row in islice(one.measure(1), 3)]
    assert again == [{key: value for key, value in row.items() if key != "seed"} for row in rows[:3]]


@CLAIMS
def test_the_rows_of_a_claim_hold_what_its_charts_draw(name):
    rows = quickly(name).main.rows
    for chart in experiment(name).charts:
        drawn = [row for row in rows if chart.x in row and chart.y in row]
        assert drawn, chart
        assert not chart.by or all(chart.by in row for row in drawn)


@CLAIMS
def test_the_shipped_result_is_that_of_todays_claim_and_knobs(name):
    one, full = experiment(name), load(file(experiment(name), SHIPPED))
    assert full.claim == one.claim()
    for measurement, variant in ((full.main, one), (full.control, turned(one, one.control))):
        said = {knob.name: list(knob.value) if knob.several else knob.value for knob in knobs(variant)}
        assert measurement.knobs == said
        assert variant.judge(measurement.rows) == measurement.verdict, "judged again, the rows give another verdict"
    assert full.seeds >= 5
    assert full.stands, "a claim that does not hold is worded as what was found, and `textbook` says what is commonly taught"


@CLAIMS
def test_a_claim_is_one_sentence_with_a_source_and_units(name):
    one = experiment(name)
    assert re.fullmatch(r"[A-Z].*\.", one.claim()), one.claim()
    assert one.source
    assert 1 <= one.question <= 14
    assert re.fullmatch(r"[a-z0-9-]+", one.id)
    assert all(knob.unit and knob.kind in (int, float, bool, str) for knob in knobs(one))
    for code in one.rules:
        assert rule(code).code == code


CHINESE = re.compile("[\u4e00-\u9fff]")
NUMBER = re.compile(r"\d[\d,.]*(?:e-?\d+)?(?<![,.])")


@CLAIMS
def test_a_claim_its_charts_and_its_verdicts_are_there_in_chinese_with_the_same_numbers(name):
    one, full = experiment(name), load(file(experiment(name), SHIPPED))
    for chinese in (one.zh, *(chart.zh for chart in one.charts), full.main.verdict.zh, full.control.verdict.zh):
        assert CHINESE.search(chinese), chinese
    assert bool(one.textbook) == bool(CHINESE.search(one.textbook_zh))
    for verdict in (full.main.verdict, full.control.verdict):
        assert sorted(NUMBER.findall(verdict.because)) == sorted(NUMBER.findall(verdict.zh)), verdict


def test_every_question_of_the_field_has_a_claim():
    assert {one.question for one in catalogue()} == set(range(1, 15))
