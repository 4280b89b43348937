"""A result of the lab in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len

from gradwell.doctor.catalogue import rule
from gradwell.lab.experiment import Experiment, Verdict
from gradwell.lab.knobs import Knob, knobs, turned
from gradwell.lab.result import Measurement, Result
from gradwell.report.chinese import rule_words
from gradwell.report.words import count

WIDTH, LABEL = 100, 10  # columns
PUNCTUATION = re.compile(r"[,;:.)，。；：）、」]")  # never begins a line
WORDS = {
    "en": {"holds": "holds", "fails": "fails", "not shown": "not shown", "claim": "claim", "knobs": "knobs", "measured": "measured",
           "control": "control", "so": "so", "nothing": "nothing is shown: it holds without its cause, too.", "textbook": "textbook",
           "source": "source", "doctor": "doctor", "over": "over"},
    "zh": {"holds": "成立", "fails": "不成立", "not shown": "未得证", "claim": "论断", "knobs": "旋钮", "measured": "测得",
           "control": "对照", "so": "结论", "nothing": "什么也没有得到证明：去掉原因后它仍然成立。", "textbook": "教科书",
           "source": "来源", "doctor": "诊断规则", "over": "统计"},
}


def words(experiment: Experiment, result: Result, language: str = "en") -> str:
    """The verdict with its numbers, what became of it without the cause, and what belongs to it."""
    say = WORDS[language]
    lines = [f"{experiment.id}: {say[result.word]}"]
    for label, text in facts(experiment, result, language):
        left = f"  {say[label]}" + " " * max(1, LABEL - cell_len(say[label]))
        lines += [f"{left if i == 0 else ' ' * (LABEL + 2)}{line}" for i, line in enumerate(wrapped(text, WIDTH - LABEL - 2))]
    return "\n".join(lines)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines; a Chinese character takes two columns, and a line may break after it."""
    lines, line = [], ""
    for piece in re.findall(r"[\u2e80-\uffef]|[^\s\u2e80-\uffef]+|\s+", text):
        if line and cell_len(line + piece) > width and not PUNCTUATION.match(piece):
            lines.append(line.rstrip())
            line = ""
        line += piece if line or piece.strip() else ""
    return [*lines, line.rstrip()]


def facts(experiment: Experiment, result: Result, language: str) -> Iterator[tuple[str, str]]:
    """What is to be said of a result, each with its label."""
    zh, say = language == "zh", WORDS[language]
    yield "claim", experiment.zh if zh else experiment.claim()
    if own := changed(type(experiment)(), result.main):
        yield "knobs", own
    yield "measured", f"{say[result.main.verdict.word]}: {sentence(result.main.verdict, language)}"
    yield "control", f"{without(experiment, result)}: {say[result.control.verdict.word]}: {sentence(result.control.verdict, language)}"
    if result.main.verdict.holds and not result.stands:
        yield "so", say["nothing"]
    if experiment.textbook:
        yield "textbook", experiment.textbook_zh if zh else experiment.textbook
    yield "source", experiment.source
    if experiment.rules:
        names = {code: rule_words(rule(code)).name if zh else rule(code).name for code in experiment.rules}
        yield "doctor", ", ".join(f"{code} {name}" for code, name in names.items())
    if zh:
        yield "over", f"{result.seeds} 个随机种子，中位数与 90 % 区间，用时 {result.seconds:g} 秒处理器时间；{result.made_with}"
    else:
        took = f"{result.seconds:g} s of processor time"
        yield "over", f"{count(result.seeds, 'seed')}, median and 90 % interval, in {took}; {result.made_with}"


def sentence(verdict: Verdict, language: str) -> str:
    """Why a verdict is as it is; a result of an older version has no Chinese."""
    if language == "zh" and verdict.zh:
        return verdict.zh.rstrip("。.") + "。"
    return verdict.because + "."


def without(experiment: Experiment, result: Result) -> str:
    """The knobs that took the cause away."""
    return ", ".join(f"{knob.name}={knob.text}" for knob in held(experiment, result.control) if knob.name in experiment.control)


def changed(usual: Experiment, measurement: Measurement) -> str:
    """The knobs that were not as usual."""
    before = {knob.name: knob.text for knob in knobs(usual)}
    return ", ".join(f"{knob.name}={knob.text}" for knob in held(usual, measurement) if knob.text != before[knob.name])


def held(experiment: Experiment, measurement: Measurement) -> list[Knob]:
    """The knobs that a measurement was made with, those that no longer exist left out."""
    known = {knob.name: knob for knob in knobs(experiment)}
    values = {name: tuple(value) if known[name].several else value for name, value in measurement.knobs.items() if name in known}
    return knobs(turned(experiment, values))
