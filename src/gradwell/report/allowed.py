"""What comments in the user's source allow, in sentences: what they have left out, and those that allow nothing."""

from __future__ import annotations

from collections.abc import Iterator

from gradwell.doctor.allowance import Allowance, allowances
from gradwell.doctor.catalogue import rule
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.judge import Verdict
from gradwell.doctor.record import Record
from gradwell.errors import RuleError
from gradwell.report.words import count, source


def sentences(verdict: Verdict, record: Record) -> Iterator[str]:
    """One sentence for each line whose findings were left out, and for each comment that is of no use."""
    places: dict[str, list[Finding]] = {}
    for finding in verdict.allowed:
        places.setdefault(source(finding.where), []).append(finding)
    for place, found in places.items():
        yield f"{count(len(found), 'finding')} allowed at {place} ({', '.join(finding.code for finding in found)})"
    for comment in allowances(record):
        if (wrong := useless(comment)) is not None:
            yield f"the comment `# gradwell: allow` at {source(Where('', file=comment.file, line=comment.line))} {wrong}"


def useless(comment: Allowance) -> str | None:
    """Why a comment, or a part of it, allows nothing; None where it is as it should be."""
    if not comment.words:
        return "names no rule, so it allows nothing; name what it allows, such as allow[GW101]"
    if not comment.first:
        return "stands on no statement, so it allows nothing; put it on a line of the statement that builds the module or calls the loss"
    for word in comment.words:
        try:
            rule(word)
        except RuleError:
            return f"names {word!r}, which is no rule; `gradwell rules` lists them"
    return None
