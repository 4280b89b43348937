"""What the user allows: a comment `# gradwell: allow[GW101]` in the source, as it stood when the run was watched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradwell.doctor.finding import Finding
from gradwell.doctor.ranks import ranks
from gradwell.doctor.record import Record

NOTED = "allowances"  # the record's key for them


@dataclass(frozen=True)
class Allowance:
    """One comment: its line, the first and last line of the statement that it stands on (0 where it stands on none), what it names."""

    file: str
    line: int
    first: int
    last: int
    words: tuple[str, ...]

    def covers(self, finding: Finding) -> bool:
        """Whether a finding lies on this statement and is named by its code or name."""
        where = finding.where
        here = where.file == self.file and where.line is not None and self.first <= where.line <= self.last
        return here and any(word.upper() == finding.code or word.lower() == finding.name for word in self.words)


def allowances(record: Record) -> tuple[Allowance, ...]:
    """The comments that were in the source of a run, on any of its ranks; none in a record of earlier versions."""
    noted = (comment for one in (ranks(record) or {0: record}).values() for comment in one.meta(NOTED, []))
    return tuple(dict.fromkeys(Allowance(**{**comment, "words": tuple(comment["words"])}) for comment in noted))


def parted(findings: Iterable[Finding], record: Record) -> tuple[list[Finding], tuple[Finding, ...]]:
    """The findings that count, and those that a comment allows."""
    comments = allowances(record)
    kept: list[Finding] = []
    allowed: list[Finding] = []
    for finding in findings:
        (allowed if any(comment.covers(finding) for comment in comments) else kept).append(finding)
    return kept, tuple(allowed)
