"""The manual in Chinese is as whole as in English."""

import inspect
import re
from dataclasses import fields

import pytest

from gradwell.doctor.catalogue import catalogue
from gradwell.report.chinese import FOLDER, rule_words, signal_words
from gradwell.report.manual import HEADS, LANGUAGES, SEVERITY, page

CHINESE = re.compile("[\u4e00-\u9fff]")
RULES = pytest.mark.parametrize("rule", catalogue(), ids=lambda rule: rule.code)


@RULES
def test_every_rule_is_there_in_chinese(rule):
    words = rule_words(rule)
    for text in (words.name, words.about, words.cause, words.remedy, words.sentence):
        assert CHINESE.search(text), text
    assert set(words.thresholds) == {field.name for field in fields(rule)}
    paragraphs = inspect.cleandoc(rule.__doc__).split("\n\n")
    assert len(words.about.strip().split("\n\n")) == len(paragraphs)


@RULES
def test_code_stays_as_it_is_in_chinese(rule):
    for english, chinese in ((rule.cause, rule_words(rule).cause), (rule.remedy, rule_words(rule).remedy)):
        for call in re.findall(r"(?:nn|torch|F|optimizer|model)\.\w+(?:\.\w+)*", english):
            assert call in chinese, call


@RULES
def test_every_signal_of_a_rule_is_there_in_chinese(rule):
    for signal in rule.signals:
        assert all(signal_words(signal)), signal.name


@RULES
def test_a_page_has_the_same_parts_in_both_languages(rule):
    english, chinese = (page(rule, "output", [("a-claim", "a sentence")], language) for language in LANGUAGES)
    for mark in ("\n## ", "\n```", "\n|"):
        assert english.count(mark) == chinese.count(mark), mark
    assert "(../../lab/zh/a-claim.md)" in chinese


def test_there_are_words_for_nothing_else():
    names = {f"{rule.code}.toml" for rule in catalogue()} | {"signals.toml"}
    assert {entry.name for entry in FOLDER.iterdir()} == names
    assert set(SEVERITY) == set(HEADS) == set(LANGUAGES)
