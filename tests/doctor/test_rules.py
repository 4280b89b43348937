"""The laws of all rules: every rule is tested by its own examples, and a new rule needs no new test."""

import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
import torch

from gradwell.doctor.catalogue import catalogue, rule
from gradwell.doctor.judge import judge
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.signals import CATALOGUE
from tests.watched import codes, follow, observe, same_bits

# one rule's tests run in one process, which trains its examples once
RULES = pytest.mark.parametrize("code", [pytest.param(r.code, marks=pytest.mark.xdist_group(r.code)) for r in catalogue()])


@cache
def session(code: str, sick: bool):
    """The rule's own example, trained and watched once for all tests."""
    return observe(rule(code).example(sick))


@RULES
def test_a_rule_finds_its_sick_example(code):
    found = [f for f in judge(session(code, True).record, [rule(code)]).findings if f.code == code]
    assert found, f"{code} is silent on its own sick example"
    kind = rule(code).kind
    assert found[0].severity == kind, f"the example shows the rule's full severity: {found[0]}"
    assert found[0].first_step <= found[0].last_step <= session(code, True).record.steps


@RULES
def test_every_rule_is_silent_on_the_healthy_example(code):
    assert codes(session(code, False)) == set()


@RULES
def test_the_judge_names_the_sick_examples_fault_first_or_folds_it_into_its_cause(code):
    found = judge(session(code, True).record).findings
    first = found[0]
    assert code in {first.code} | {f.code for f in first.explains}, [f.code for f in found]


@RULES
def test_the_fix_cures_the_sick_example(code):
    found = judge(session(code, True).record, [rule(code)]).findings
    if found[0].fix is None:
        pytest.skip(f"{code} has no fix that a program can apply")
    run = rule(code).example(sick=True)
    found[0].fix.apply(run)
    cured = observe(run)
    assert code not in codes(cured)
    before, after = learned(session(code, True).record), learned(cured.record)
    assert level(after) < level(before), (before, after)


def level(loss):
    """Where a loss ended, in units of what a predictor reaches that ignores the input, so that different losses can be compared."""
    impossible = loss.loss in ("nll", "bce_with_logits") and loss.last is not None and loss.last < 0  # no cross-entropy is negative
    if loss.last is None or "NaN" in loss.because or impossible:
        return float("inf")
    return loss.last / (loss.trivial or 1.0)


@RULES
def test_a_saved_record_gives_the_same_findings(code, tmp_path):
    import gradwell

    run = rule(code).example(sick=True)
    with gradwell.watch(run.model, run.optimizer, every=1, run_dir=tmp_path / "run") as live:
        run.train()
    now = live.findings()
    again = judge(Record.open(tmp_path / "run"))
    assert list(again.findings) == now
    assert now


@RULES
def test_watching_changes_nothing(code):
    import gradwell

    plain, watched = rule(code).example(sick=True), rule(code).example(sick=True)
    plain_trace, watched_trace = follow(plain), follow(watched)
    torch.manual_seed(7)
    plain.train()
    state = torch.get_rng_state()
    torch.manual_seed(7)
    with gradwell.watch(watched.model, watched.optimizer, every=1) as session:
        watched.train()
    assert session.record.meta("probes_off") == {}
    assert same_bits(plain_trace.losses, watched_trace.losses)
    assert torch.equal(state, torch.get_rng_state())
    for before, after in zip(plain.model.state_dict().values(), watched.model.state_dict().values(), strict=True):
        assert same_bits(before, after)


def test_no_fault_is_its_own_consequence():
    def reachable(code, path=()):
        assert code not in path, f"{' -> '.join((*path, code))} goes round in a circle"
        for next_code in next((r.consequences for r in catalogue() if r.code == code), ()):
            reachable(next_code, (*path, code))

    for r in catalogue():
        reachable(r.code)


@RULES
def test_a_rule_explains_itself(code):
    r = rule(code)
    assert re.fullmatch(r"GW\d{3}", r.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", r.name)
    assert r.about().endswith(".")
    for text in (r.cause, r.remedy, r.source):
        assert len(text.split()) >= 3
    assert set(r.signals) <= set(CATALOGUE)
    for field in fields(r):
        assert "Annotated" in str(field.type), f"{code}: the threshold {field.name} has no unit"
    module = Path(__import__(type(r).__module__, fromlist=["x"]).__file__)
    assert module.stem == f"{r.code.lower()}_{r.name.replace('-', '_')}"
    assert set(r.consequences) <= {f"GW{number}" for number in range(101, 804)} - {r.code}
