"""A finding in words for trackers: a title of one line, and a text in Markdown."""

from __future__ import annotations

from gradwell.doctor.finding import Finding
from gradwell.report.words import consequences, facts, place, plain, source

FACTS = 8  # pieces of evidence told


def title(finding: Finding, most: int = 200) -> str:
    """Code, name and place, in `most` characters."""
    text = f"{finding.code} {finding.name} at {plain(finding.where.module)}"
    return text if len(text) <= most else text[:most - 1] + "…"


def markdown(finding: Finding) -> str:
    """What was found, since when, where, why, and what to do."""
    where = " ".join(filter(None, (place(finding.where), source(finding.where))))
    evidence = "; ".join(f"{label}: {text}" for label, text in list(facts(finding.evidence))[:FACTS])
    explains = "; ".join(f"{below.code} {below.name} at {plain(below.where.module)}" for below in consequences(finding))
    rows = [("severity", finding.severity), ("where", where), ("since step", str(finding.first_step)), ("evidence", evidence),
            ("cause", plain(finding.cause)), ("remedy", plain(finding.remedy)), ("explains", explains)]
    return "\n".join([f"**{plain(finding.title)}**", "", *(f"- **{label}**: {text}" for label, text in rows if text)])
