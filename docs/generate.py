"""Writes what can be generated, by running it: the manual's pages, the README's report, the pages of nets and of inspect.

With --check, says which of README and docs/inspect.md is stale; tests hold the pages of rules and of nets to what they run anyway.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradwell.doctor.record import Record
    from gradwell.doctor.rule import Rule

os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).parents[1]
RULES = ROOT / "docs" / "rules"
FOLDERS = {"en": "", "zh": "zh"}
KINDS = {"error": "错误", "warning": "警告", "note": "提示"}
NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(e[-+]?\d+)?")
HURRIED = re.compile(r"^notice +whether the examples.*?too\s+much\s+time\.?(\n|$)", re.DOTALL | re.MULTILINE)  # of a busy machine only


def rule_pages() -> dict[Path, str]:
    """One page for each rule, and their index."""
    import gradwell
    from gradwell.doctor.catalogue import catalogue

    pages = rule_index()
    for rule in catalogue():
        run = rule.example(sick=True)
        with tempfile.TemporaryDirectory() as folder:  # where the ranks of a run find each other
            with gradwell.watch(run.model, run.optimizer, every=1, run_dir=folder) as session:
                run.train()
            pages |= rule_page(rule, session.record)
    return pages


def rule_page(rule: Rule, record: Record) -> dict[Path, str]:
    """The page of a rule in each language, with what the record of its sick example shows."""
    from docs.claims import seen

    from gradwell.doctor.judge import judge
    from gradwell.report.data import Report
    from gradwell.report.manual import LANGUAGES, page
    from gradwell.report.terminal import as_text

    text = HURRIED.sub("", as_text(Report(record, judge(record))).replace(f"{ROOT}/", ""))
    text = re.sub(r"  (docs/generate|tests/watched)\.py:\d+", "", text)  # the line that called the example
    findings = text[text.index("\n\n") + 2:]  # the lines above them tell of the run's time
    return {RULES / FOLDERS[language] / f"{rule.code}.md": page(rule, findings.strip(), seen(rule.code, language), language)
            for language in LANGUAGES}


def rule_index() -> dict[Path, str]:
    """The list of all rules in each language."""
    from gradwell.doctor.catalogue import catalogue
    from gradwell.report.chinese import rule_words

    rows = {
        "en": [f"| [{r.code}]({r.code}.md) | {r.name} | {r.kind} | {r.about()} |" for r in catalogue()],
        "zh": [f"| [{r.code}]({r.code}.md) | {r.name} | {rule_words(r).name} | {KINDS[r.kind]} | {rule_words(r).sentence} |"
               for r in catalogue()],
    }
    heads = {
        "en": ["# The rules", "", "[中文](zh/README.md)", "", "| code | name | kind | what is wrong |", "|---|---|---|---|"],
        "zh": ["# 规则", "", "[English](../README.md)", "", "| 代码 | 名称 | 中文名 | 级别 | 问题所在 |", "|---|---|---|---|---|"],
    }
    return {RULES / FOLDERS[one] / "README.md": "\n".join([*heads[one], *rows[one]]) + "\n" for one in heads}


def readme(check: bool) -> dict[Path, str]:
    """The README, with what the demo prints today, and the text example with this Python's own docstrings (not checked)."""
    path = ROOT / "README.md"
    demo = ["bash", "examples/demo.sh", str(Path(sys.executable).parent / "gradwell")]
    text = replaced(path.read_text(encoding="utf-8"), "the demo", demo)
    with tempfile.TemporaryDirectory() as folder:
        cure = [demo[-1], "cure", "--yes", "--steps", "300", "--run-dir", f"{folder}/cure", "examples/digits.py"]
        text = replaced(text, "the cure", cure)
    return {path: text if check else replaced(text, "the text example", [sys.executable, "examples/docstrings.py"])}


def nets() -> dict[Path, str]:
    """The tables of activations and losses, and the page of examples with what they print today."""
    from docs.examples import executed
    from docs.tables import activations, losses

    page = ROOT / "docs" / "nets.md"
    return {ROOT / "docs" / "activations.md": activations(), ROOT / "docs" / "losses.md": losses(),
            page: executed(page.read_text(encoding="utf-8"))}


def inspected() -> dict[Path, str]:
    """The page on `gradwell inspect`, with what it prints today."""
    path = ROOT / "docs" / "inspect.md"
    text = path.read_text(encoding="utf-8")
    for model, shape in (("lenet", "1x28x28"), ("bottleneck", "256x56x56"), ("classifier", "20:long")):
        command = [str(Path(sys.executable).parent / "gradwell"), "inspect", f"examples/models.py:{model}", "--input", shape]
        text = replaced(text, f"inspecting the {model}", command)
    return {path: text}


def replaced(text: str, name: str, command: list[str]) -> str:
    """The text with what a command prints between the marks that bear its name."""
    first, last = f"<!-- output of {name}, written by docs/generate.py -->\n", f"<!-- end of the output of {name} -->\n"
    before, rest = text.split(first)
    _, after = rest.split(last)
    shown = subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    shown = HURRIED.sub("", shown.replace(f"{ROOT}/", ""))
    return f"{before}{first}```text\n{shown.strip()}\n```\n{last}{after}"


def lab() -> dict[Path, str]:
    """A page for each claim of the lab, from its shipped result."""
    from docs.claims import pages

    return pages(ROOT / "docs")


def same(a: str, b: str) -> bool:
    """Whether two texts differ in nothing but numbers, which vary from one machine to the next."""
    a, b = (re.sub(r"\s+", " ", NUMBER.sub("#", text)) for text in (a, b))
    return a == b


def fresh(path: Path, text: str) -> bool:
    """Whether a page is what it would be if it were written now. In tables that are computed every number counts, but not in times."""
    if not path.exists():
        return False
    old = path.read_text(encoding="utf-8")
    exact = path.name in ("activations.md", "losses.md")
    return same(old, text) and (not exact or old.split("## Measured time")[0] == text.split("## Measured time")[0])


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def main() -> int:
    """Write everything, or with --check compare; exit status 1 when something is stale."""
    check = "--check" in sys.argv
    sys.path.insert(0, str(ROOT))
    if not check:
        for path, text in (rule_pages() | readme(check) | nets() | inspected() | lab()).items():
            write(path, text)
        return 0
    made = readme(check) | inspected()
    stale = [path for path, text in made.items() if not fresh(path, text)]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is stale; run `make manual` and commit what it writes")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
