"""The laws of all rules: every rule is tested by its own examples, and a new rule needs no new test."""

import re
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import pytest
import torch
from docs.generate import fresh, rule_index, rule_page
from torch import Tensor

import gradwell
from gradwell.doctor.catalogue import catalogue, rule
from gradwell.doctor.judge import judge
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.run import Run
from gradwell.doctor.signals import CATALOGUE
from gradwell.doctor.together import Together
from tests.watched import Trace, codes, follow, observe, same_bits

RULES = pytest.mark.parametrize("code", [r.code for r in catalogue()])


@dataclass
class Watched:
    """A run, the state of chance as it began and as it ended, its losses, and what was seen of it."""

    run: Run
    begun: Tensor
    trace: Trace
    session: gradwell.Session
    ended: Tensor
    folder: Path


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Trains the example of a rule, watched at every step, once for all tests."""

    @cache
    def trained(code, sick):
        run = rule(code).example(sick)
        begun, trace, folder = torch.get_rng_state(), follow(run), tmp_path_factory.mktemp(code) / "run"
        session = observe(run, folder)
        return Watched(run, begun, trace, session, torch.get_rng_state(), folder)

    return trained


@pytest.fixture(scope="module")
def session(watched):
    """What was seen of the example of a rule."""
    return lambda code, sick: watched(code, sick).session


@RULES
def test_a_rule_finds_its_sick_example(session, code):
    found = [f for f in judge(session(code, True).record, [rule(code)]).findings if f.code == code]
    assert found, f"{code} is silent on its own sick example"
    kind = rule(code).kind
    assert found[0].severity == kind, f"the example shows the rule's full severity: {found[0]}"
    assert found[0].first_step <= found[0].last_step <= session(code, True).record.steps


@RULES
def test_every_rule_is_silent_on_the_healthy_example(session, code):
    assert codes(session(code, False)) == set()


@RULES
def test_the_judge_names_the_sick_examples_fault_first_or_folds_it_into_its_cause(session, code):
    found = judge(session(code, True).record).findings
    first = found[0]
    assert code in {first.code} | {f.code for f in first.explains}, [f.code for f in found]


@RULES
def test_no_threshold_that_a_project_may_set_makes_a_rule_stumble(session, code):
    for part in fields(rule(code)):
        for value in (1,) if isinstance(getattr(rule(code), part.name), int) else (0.0, 1e-12, 1e9):
            list(replace(rule(code), **{part.name: value}).check(session(code, True).record))


@RULES
def test_the_fix_cures_the_sick_example(session, code):
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
def test_a_saved_record_gives_the_same_findings(watched, code):
    live = watched(code, True)
    now = live.session.findings()
    again = judge(Record.open(live.folder))
    assert list(again.findings) == now
    assert now


@RULES
def test_watching_changes_nothing(watched, code):
    seen, plain = watched(code, True), rule(code).example(sick=True)
    if isinstance(plain.loop, Together):
        pytest.skip("tests/watch/test_ranks.py sees to it, on every rank")
    trace = follow(plain)
    torch.set_rng_state(seen.begun)
    plain.train()
    assert seen.session.record.meta("probes_off") == {}
    assert same_bits(trace.losses, seen.trace.losses)
    assert torch.equal(torch.get_rng_state(), seen.ended)
    for before, after in zip(plain.model.state_dict().values(), seen.run.model.state_dict().values(), strict=True):
        assert same_bits(before, after)


@RULES
def test_the_page_of_a_rule_says_what_its_sick_example_shows_today(session, code):
    for path, text in rule_page(rule(code), session(code, True).record).items():
        assert fresh(path, text), f"{path} is stale; run `make manual`"


def test_the_index_has_every_rule():
    assert all(fresh(path, text) for path, text in rule_index().items())


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
    assert set(r.consequences) <= {f"GW{number}" for number in range(101, 906)} - {r.code}
