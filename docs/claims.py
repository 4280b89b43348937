"""The pages of the lab: one for each claim, from its own file and its shipped result, and their index."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence
from pathlib import Path

from docs.curves import lines

from gradwell.cli.lab.words import WORDS, sentence, without
from gradwell.doctor.catalogue import rule
from gradwell.lab import Chart, Experiment, Result, catalogue, spread
from gradwell.lab.knobs import knobs, spelled
from gradwell.lab.result import load
from gradwell.lab.rows import Row
from gradwell.lab.shelf import SHIPPED, file
from gradwell.lab.spread import shown

QUESTIONS = {
    "en": (
        "MSE or cross-entropy for classification?", "What are parameter sharing and sparse interaction?", "What is a 1x1 convolution for?",
        "What is shared in a recurrent network?", "Why do gradients vanish in a recurrent network?", "Why does its gradient fluctuate?",
        "How does an LSTM ease this?", "What is fastText?", "Why activation functions?",
        "Which activation functions, and what are their traits?",
        "What does batch normalisation do?", "What is backpropagation?", "May all weights start at zero?", "What is attention?",
    ),
    "zh": (
        "分类用均方误差还是交叉熵？", "什么是参数共享与稀疏连接？", "1x1 卷积有什么用？", "循环网络共享什么？",
        "循环网络的梯度为什么消失？", "它的梯度为什么剧烈波动？", "LSTM 如何缓解？", "什么是 fastText？", "为什么要有激活函数？",
        "有哪些激活函数，各有什么特点？", "批量归一化做了什么？", "什么是反向传播？", "权重可以全部从零开始吗？",
        "什么是注意力？",
    ),
}
INTRO = {
    "en": ("# The lab: what the textbook claims, measured", "[中文](zh/README.md)",
           "Each claim is an experiment with knobs. It is measured over several seeds and judged by rules fixed beforehand, and once "
           "more with its cause removed: then the verdict must be the other one, or nothing is shown. `gradwell lab run CLAIM` measures "
           "it here; `--knob NAME=VALUE` turns a knob. Verdicts below are of the results that come with this version.",
           "| claim | verdict | in a sentence |", " *The textbook says otherwise.*"),
    "zh": ("# 实验室：把教科书的论断测一测", "[English](../README.md)",
           "每个论断都是一个带旋钮的实验：用若干随机种子测量，按事先定好的规则判定，再去掉它的原因重测一遍；这时判定必须反过来，否则什么也没有证明。"
           "`gradwell lab run 论断` 在本机测量，`--knob 名字=值` 转动旋钮。下面的判定来自随本版本发布的结果。",
           "| 论断 | 判定 | 一句话 |", "*（教科书说法不同。）*"),
}
HEADS = {
    "en": ("It **{}**. Over {} seeds, each number a median with its 90 % interval: {}", "Without the cause, with `{}`, it {}: {}",
           "What is commonly taught: {}.", "## The numbers", "## How it is measured", "Source: {}.",
           "The doctor catches the same in a script: {}.",
           "Made by `{}` in {:g} s of processor time: {}. [All rows]({}/src/gradwell/lab/results/{}.json)."),
    "zh": ("判定：**{}**。{} 个随机种子，每个数是中位数及其 90 % 区间：{}", "去掉原因（`{}`）后**{}**：{}",
           "通常的说法：{}。", "## 数据", "## 怎样测量", "来源：{}。",
           "诊断规则能在脚本里发现同样的问题：{}。",
           "由 `{}` 得出，用时 {:g} 秒处理器时间：{}。[全部数据]({}/src/gradwell/lab/results/{}.json)。"),
}
ROWS = 12  # of a table


def pages(docs: Path) -> dict[Path, str]:
    """Every page of the lab, in both languages."""
    made: dict[Path, str] = {}
    for language, folder in (("en", docs / "lab"), ("zh", docs / "lab" / "zh")):
        made |= {folder / f"{one.id}.md": page(one, load(file(one, SHIPPED)), language) for one in catalogue()}
        made[folder / "README.md"] = index(language)
    return made


def index(language: str) -> str:
    """All verdicts at a glance, by the questions of the field."""
    title, other, intro, heads, against = INTRO[language]
    lines = [title, "", other, "", intro]
    for number, question in enumerate(QUESTIONS[language], 1):
        lines += ["", f"## {number}. {question}", "", heads, "|---|---|---|"]
        for one in catalogue():
            if one.question == number:
                said = (one.zh if language == "zh" else one.claim()) + (against if one.textbook else "")
                lines.append(f"| [{one.id}]({one.id}.md) | {WORDS[language][load(file(one, SHIPPED)).word]} | {said} |")
    return "\n".join(lines) + "\n"


def page(one: Experiment, result: Result, language: str) -> str:
    """A claim's page."""
    zh, say = language == "zh", WORDS[language]
    holds, without_it, taught, numbers, how, origin, doctor, made = HEADS[language]
    up, other = ("../", f"[English](../{one.id}.md)") if zh else ("", f"[中文](zh/{one.id}.md)")
    main, control = result.main.verdict, result.control.verdict
    about = inspect.cleandoc(one.__doc__ or "").partition("\n")[2].strip()
    changes = (one.quick, one.control)
    rows = [f"| {k.name} | {k.text} | {k.unit} | {' | '.join(spelled(some.get(k.name, '')) for some in changes)} |" for k in knobs(one)]
    codes = ", ".join(f"[{code} {rule(code).name}]({up}../rules/{'zh/' if zh else ''}{code}.md)" for code in one.rules)
    turned = "\n".join(["| knob | value | unit | quick | control |", "|---|---|---|---|---|", *rows])
    measuring = [about, turned, f"```python\n{source(one)}\n```"]
    parts = [
        f"# {one.id}", f"[{QUESTIONS[language][one.question - 1]}](README.md) · {other}", f"**{one.zh if zh else one.claim()}**",
        holds.format(say[main.word], result.seeds, sentence(main, language)),
        without_it.format(without(one, result), say[control.word], sentence(control, language)),
        taught.format((one.textbook_zh if zh else one.textbook).rstrip("。.")) if one.textbook else "",
        *(f"![{chart.zh if zh else chart.title}]({up}{one.id}-{i}.svg)" for i, chart in enumerate(one.charts, 1)),
        numbers, table(one.charts[0], result.main.rows), *([] if zh else [how, *measuring]),
        origin.format(one.source.rstrip(".")), doctor.format(codes) if codes else "",
        made.format(result.command, result.seconds, result.made_with, f"{up}../..", one.id),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(chart: Chart, rows: Sequence[Row]) -> str:
    """The numbers of a chart: medians over the seeds with their intervals, some of many rows."""
    found = lines(chart, rows)
    places = list(dict.fromkeys(x for points in found.values() for x in points))
    if not any(isinstance(x, str) for x in places):
        places.sort()
    if len(places) > ROWS:
        places = [places[round(i * (len(places) - 1) / (ROWS - 1))] for i in range(ROWS)]
    heads = [chart.x, *(f"{chart.y}, {name}" if chart.by else chart.y for name in found)]
    said = [[x if isinstance(x, str) else shown(x), *(str(spread(points[x])) if x in points else "" for points in found.values())]
            for x in places]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *said))


def source(one: Experiment) -> str:
    """How it is measured and judged, in code."""
    return "\n\n".join(textwrap.dedent(inspect.getsource(part)).strip() for part in (type(one).measure, type(one).judge))


def seen(code: str, language: str) -> list[tuple[str, str]]:
    """The claims in which a rule's fault can be seen: id and sentence."""
    return [(one.id, one.zh if language == "zh" else one.claim()) for one in catalogue() if code in one.rules]
