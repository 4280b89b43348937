"""From findings to a verdict: ranked, folded, a handful shown."""

import pytest

from gradwell.doctor.catalogue import catalogue, rule, select
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.judge import SHOWN, Verdict, demoted, folded, ranked
from gradwell.doctor.learned import Learned
from gradwell.errors import RuleError


def finding(code, severity="warning", first=1, module="net"):
    return Finding(code, rule(code).name, severity, f"{code} in {module}.", Where(module), first, 9, {}, "cause", "remedy")


def test_errors_come_before_warnings_before_notes_and_earlier_before_later():
    found = [finding("GW601", "note"), finding("GW201", first=5), finding("GW302", "error"), finding("GW102", first=2)]
    assert [f.code for f in ranked(found)] == ["GW302", "GW102", "GW201", "GW601"]


def test_a_consequence_is_folded_into_its_cause():
    whole = folded([finding("GW105"), finding("GW201"), finding("GW302", "error")], catalogue())
    assert sorted(f.code for f in whole) == ["GW302"] or {f.code for f in whole} == {"GW201", "GW302"}
    (cause,) = [f for f in whole if any(below.code in ("GW105", "GW201") for below in f.explains)]
    assert cause.code in ("GW201", "GW302")


def test_nothing_is_lost_in_folding():
    codes = ["GW101", "GW102", "GW105", "GW201", "GW202", "GW204", "GW205", "GW601"]

    def inside(findings):
        return [code for f in findings for code in (f.code, *inside(f.explains))]

    assert sorted(inside(folded([finding(code) for code in codes], catalogue()))) == codes


def test_a_handful_is_shown():
    many = tuple(finding("GW104", "error", module=f"net.{i}") for i in range(9))
    assert len(Verdict(many, (), Learned("unknown")).shown) == SHOWN == 5


def test_rules_are_chosen_by_code_prefix_and_name():
    assert {r.code for r in select(["GW3"])} == {r.code for r in catalogue() if r.code.startswith("GW3")}
    assert [r.code for r in select(["GW101", "double-softmax"])] == ["GW101", "GW302"]
    assert "GW101" not in {r.code for r in select(ignore=["dead-relu"])}


def test_a_rule_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(RuleError, match=r"GW999.*GW101"):
        select(["GW999"])


def test_an_error_that_accounts_for_a_run_that_learns_nothing_leaves_other_warnings_as_notes():
    severities = {f.code: f.severity for f in demoted([finding("GW601"), finding("GW302", "error")])}
    assert severities == {"GW601": "note", "GW302": "error"}


def test_a_loss_that_is_not_finite_is_a_symptom_and_accounts_for_nothing():
    assert {f.severity for f in demoted([finding("GW601"), finding("GW205", "error")])} == {"warning", "error"}
