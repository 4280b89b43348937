"""Findings for GitHub's Actions: annotations at their lines, and a summary of the job.

Format: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands. GitHub reads commands from a step's stdout and
stderr alike, wherever a line begins with `::` or holds `##[`; whatever comes from the user's program is therefore escaped.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator

from gradwell.doctor.finding import Finding
from gradwell.report.data import Report
from gradwell.report.manual import manual_page
from gradwell.report.repository import within
from gradwell.report.summary import headline
from gradwell.report.words import place, plain, source

LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def commands(findings: Iterable[Finding]) -> Iterator[str]:
    """One workflow command for each finding."""
    for finding in findings:
        file = within(finding.where.file) if finding.where.file else None
        properties = {"title": f"{finding.code} {finding.name}"}
        if file is not None:
            properties = {"file": file, "line": str(finding.where.line or 1), **properties}
        told = ",".join(f"{name}={escaped(plain(value)).replace(':', '%3A').replace(',', '%2C')}" for name, value in properties.items())
        words = " ".join(plain(text) for text in (f"{place(finding.where)}:", finding.title, finding.cause, finding.remedy))
        yield f"::{LEVELS[finding.severity]} {told}::{escaped(words)}"


def escaped(text: str) -> str:
    """Text as the value of a command, which a line's end would end; `##[` is a command of older runners wherever it stands."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace("##[", "%23%23[")


def harmless(text: str) -> str:
    """Lines in which GitHub looks for no commands."""
    token = f"gradwell-{secrets.token_hex(16)}"
    return f"::stop-commands::{token}\n{text}\n::{token}::"


def as_markdown(report: Report) -> str:
    """The report for the summary of a job."""
    lines = ["### gradwell", "", marked(headline(report)), ""]
    if report.verdict.findings:
        lines += ["| | rule | where | what |", "|---|---|---|---|"]
        lines += [f"| {f.severity} | [{f.code} {f.name}]({manual_page(f.code)}) | {marked(' '.join((place(f.where), source(f.where))))} "
                  f"| {marked(f.title)} {marked(f.remedy)} |" for f in report.verdict.findings]
        lines.append("")
    lines += [f"- {marked(sentence)}" for sentence in report.limits]
    return "\n".join(lines) + "\n\n"


def marked(text: object) -> str:
    """Text in which nothing is Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~&:@$-])", r"\\\1", plain(text))
