"""A rule's page in the manual: made from the rule's own file, with the real output of its own example."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from gradwell.doctor.rule import Rule
from gradwell.errors import GradwellError
from gradwell.report.chinese import rule_words, signal_words

MANUAL = "https://github.com/gradwell/gradwell/blob/main/docs/rules/"
LANGUAGES = ("en", "zh")
SEVERITY = {
    "en": {
        "error": "An **error**: certain by construction, reported at once.",
        "warning": "A **warning** when there are two witnesses, the symptom and a run that is no better than it should be; "
                   "with the symptom alone a note.",
        "note": "A **note**: for information.",
    },
    "zh": {
        "error": "**错误**：由构造即可确定，立即报告。",
        "warning": "有两个证据时为**警告**：既有症状，训练结果也不比应有的更好；只有症状时为提示。",
        "note": "**提示**：仅供参考。",
    },
}
CASE = {  # what a finding fills in, of some run
    "threshold": 1.0, "usual": 1.0, "right": "True", "where": "the loss is the negative of what should fall, or the optimizer maximises",
    "fused": "`F.cross_entropy` on the scores in place of a softmax, `F.binary_cross_entropy_with_logits` in place of a sigmoid",
}
HEADS = {
    "en": ("What it looks like", "The sick example below, watched:", "Cause", "Remedy", "Example", "Healthy, and with `sick=True` not:",
           "How it is seen", "Source: {}.", "See it happen, in the lab:",
           "It brings about {}: where those are found beside it, they are folded into it.",
           "| signal | measured at | unit | what it is |", "| threshold | default | unit |"),
    "zh": ("表现", "观察下面的病态例子，得到：", "原因", "补救", "例子", "健康的写法；`sick=True` 时则有病：",
           "如何看出", "来源：{}。", "在实验室里亲眼看到：",
           "它会引起 {}：若同时发现，则归入本条。",
           "| 信号 | 测量位置 | 单位 | 含义 |", "| 阈值 | 默认值 | 单位 |"),
}


def manual_page(code: str) -> str:
    """The address of a rule's page in the manual."""
    return f"{MANUAL}{code}.md"


def printed_page(code: str, language: str = "en") -> str:
    """The text of a rule's page, as it was generated when this version was made.

    Raises GradwellError when the installation lacks it.
    """
    package, name = Path(__file__).parents[1], f"{code}.md" if language == "en" else f"{language}/{code}.md"
    for folder in (package / "manual", package.parents[1] / "docs" / "rules"):  # installed, or a checkout
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    raise GradwellError(f"this installation lacks the manual; read the page at {MANUAL}{name}")


def page(rule: Rule, output: str, claims: Sequence[tuple[str, str]] = (), language: str = "en") -> str:
    """A rule's page in Markdown; `output` is what the terminal says of its sick example, `claims` show its fault in the lab."""
    looks, watched, cause, remedy, shown, well, seen, source, lab, brings, _, _ = HEADS[language]
    words = rule_words(rule) if language == "zh" else None
    title, other = (f" {words.name}", f"[English](../{rule.code}.md)") if words else ("", f"[中文](zh/{rule.code}.md)")
    parts = [
        f"# {rule.code} {rule.name}{title}", other,
        words.about.strip() if words else inspect.cleandoc(rule.__doc__ or ""), SEVERITY[language][rule.kind],
        f"## {looks}", watched, f"```text\n{output}\n```",
        f"## {cause}", words.cause if words else filled(rule.cause),
        f"## {remedy}", words.remedy if words else filled(rule.remedy),
        f"## {shown}", f"{well}\n\n```python\n{example(rule)}\n```",
        f"## {seen}", measured(rule, language), thresholds(rule, language), source.format(rule.source),
    ]
    if claims:
        up = "../lab" if language == "en" else f"../../lab/{language}"
        parts.append(f"{lab}\n\n" + "\n".join(f"- [{name}]({up}/{name}.md): {claim}" for name, claim in claims))
    if rule.consequences:
        parts.append(brings.format(", ".join(rule.consequences)))
    return "\n\n".join(part for part in parts if part) + "\n"


def filled(text: str) -> str:
    """Cause or remedy as it reads for some run, where a finding fills in what it measured."""
    return text.format(**CASE)


def example(rule: Rule) -> str:
    """The source of the rule's example."""
    return textwrap.dedent(inspect.getsource(type(rule).example)).strip()


def measured(rule: Rule, language: str) -> str:
    """A table of the signals that the rule reads."""
    said = [signal_words(s) if language == "zh" else (s.place, s.unit, s.about) for s in rule.signals]
    rows = [f"| {s.name} | {' | '.join(map(celled, words))} |" for s, words in zip(rule.signals, said, strict=True)]
    return "\n".join([HEADS[language][-2], "|---|---|---|---|", *rows])


def celled(text: str) -> str:
    """A text for a cell of a table, which a bar would end."""
    return text.replace("|", "\\|")


def thresholds(rule: Rule, language: str) -> str:
    """A table of the rule's thresholds, each with its unit; empty where it has none."""
    hints = get_type_hints(type(rule), include_extras=True)
    units = rule_words(rule).thresholds if language == "zh" else {field.name: get_args(hints[field.name])[1] for field in fields(rule)}
    rows = [f"| {field.name} | {getattr(rule, field.name)} | {celled(units[field.name])} |" for field in fields(rule)]
    return "\n".join([HEADS[language][-1], "|---|---|---|", *rows]) if rows else ""
