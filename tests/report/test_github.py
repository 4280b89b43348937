"""What GitHub is told; nothing in a name can become a command, a cell or a link."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gradwell.doctor.finding import Finding, Where
from gradwell.report.data import Report
from gradwell.report.github import as_markdown, commands, escaped, harmless

EVIL = "::error::x\r\n::stop-commands::y\n##[add-path]/z,file=a:b%0A| <b> [l](http://x) `c`"


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner of GitHub's Actions reads it."""
    match = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
    assert match is not None, line

    def plain(text: str) -> str:
        for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            text = text.replace(code, character)
        return text

    return match[1], {pair.partition("=")[0]: plain(pair.partition("=")[2]) for pair in match[2].split(",")}, plain(match[3])


def test_a_finding_is_a_command_with_its_line(sick: Report) -> None:
    said = [parsed(line) for line in commands(sick.verdict.shown)]
    assert [level for level, _, _ in said] == ["error", "warning", "warning", "notice", "notice"]
    assert said[0][1] == {"title": "GW405 train-in-eval-mode"}
    assert said[1][1] == {"file": "train.py", "line": "12", "title": "GW201 vanishing-gradient"}
    assert said[1][2].startswith("net.0 (Linear): The first layer moves 1e-5 times as far as the last. The learning rate of 1 threw")


def test_no_name_can_become_a_command(sick: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    where = Where(EVIL, EVIL, str(tmp_path / EVIL.replace("/", "")), 1)
    finding: Finding = replace(sick.verdict.findings[0], title=EVIL, cause=EVIL, remedy=EVIL, where=where)
    (line,) = commands([finding])
    assert len(line.splitlines()) == 1
    assert "##[" not in line
    level, properties, _ = parsed(line)
    assert (level, sorted(properties)) == ("error", ["file", "line", "title"])
    assert "\n" not in escaped("a\r\nb")
    assert escaped("100%\r\n") == "100%25%0D%0A"


def test_the_summary_is_printed_where_no_command_is_looked_for() -> None:
    first, *text, last = harmless("one\n::error::two").split("\n")
    assert text == ["one", "::error::two"]
    token = first.removeprefix("::stop-commands::")
    assert last == f"::{token}::"
    assert len(token) > 30
    assert harmless("one") != harmless("one")


def test_the_jobs_summary_shows_names_as_they_are(sick: Report) -> None:
    finding = replace(sick.verdict.findings[0], title=EVIL, where=Where(EVIL))
    text = as_markdown(replace(sick, verdict=replace(sick.verdict, findings=(finding,))))
    (row,) = [line for line in text.split("\n") if line.startswith("| error")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert not re.search(r"(?<!\\)[<`]", row)
    assert len(re.findall(r"(?<!\\)\]\(", row)) == 1, "the only link is to the manual"
    assert text.startswith("### gradwell\n\n1 finding in train.py")
