"""The pages on gradwell.nets say what the code says today."""

import re
from pathlib import Path

import pytest
from docs.claims import pages
from docs.examples import executed
from docs.tables import described, losses

from gradwell.lab import catalogue
from gradwell.nets.activations import ACTIVATIONS
from gradwell.nets.losses import LOSSES

DOCS = Path(__file__).parents[1] / "docs"
NUMBER = re.compile(r"-?\d+\.\d*")


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_examples_of_the_page_print_what_stands_below_them():
    today = executed(page("nets.md"))
    assert NUMBER.sub("#", re.sub(r" +", " ", today)) == NUMBER.sub("#", re.sub(r" +", " ", page("nets.md")))
    there = [float(number) for number in NUMBER.findall(page("nets.md"))]
    assert [float(number) for number in NUMBER.findall(today)] == pytest.approx(there, rel=0.02, abs=2e-3)


def test_what_prints_nothing_gets_no_output_and_old_output_goes():
    assert executed("```python\na = 1\n```\n\n```text\nold\n```\nend\n") == "```python\na = 1\n```\nend\n"
    assert executed("```python\na = 1\n```\nmore\n```python\nprint(a)\n```\n") == (
        "```python\na = 1\n```\nmore\n```python\nprint(a)\n```\n\n```text\n1\n```\n")


def test_the_table_of_activations_is_fresh_and_has_them_all():
    assert page("activations.md").startswith("\n".join(described()))
    assert all(page("activations.md").count(f"\n| {one.name} |") == 4 for one in ACTIVATIONS)


def test_the_table_of_losses_is_fresh_and_has_them_all():
    assert page("losses.md") == losses()
    assert all(f"\n| {one.name} |" in losses() for one in LOSSES)


def test_every_claim_of_the_lab_has_its_page_with_its_pictures_and_no_other():
    today = pages(DOCS)
    assert {path: path.read_text(encoding="utf-8") for path in (DOCS / "lab").rglob("*.md")} == today
    pictures = {f"{one.id}-{i}.svg" for one in catalogue() for i in range(1, len(one.charts) + 1)}
    assert {path.name for path in (DOCS / "lab").glob("*.svg")} == pictures


def test_the_rules_and_the_claims_of_the_lab_lead_to_each_other():
    for one in catalogue():
        for code in one.rules:
            assert f"(../lab/{one.id}.md)" in page(f"rules/{code}.md")
            assert f"(../rules/{code}.md)" in page(f"lab/{one.id}.md")
            assert f"(../../lab/zh/{one.id}.md)" in page(f"rules/zh/{code}.md")
            assert f"(../../rules/zh/{code}.md)" in page(f"lab/zh/{one.id}.md")
