"""From a record to findings: every rule is asked, consequences are folded into their causes, and the most blamed comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gradwell.doctor.allowance import parted
from gradwell.doctor.catalogue import catalogue
from gradwell.doctor.finding import SEVERITIES, Finding
from gradwell.doctor.learned import Learned, learned
from gradwell.doctor.ranks import ranks
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule

SHOWN = 5  # findings that a report shows
SYMPTOMS = ("GW204", "GW205")  # errors that are never the cause of anything


@dataclass(frozen=True)
class Verdict:
    """What was found in a record: findings in order of blame, the rules that were asked, and whether the run learned anything.

    `allowed` are findings that a comment in the user's source asks to leave out; they count for nothing.
    """

    findings: tuple[Finding, ...]
    rules: tuple[Rule, ...]
    learned: Learned
    allowed: tuple[Finding, ...] = ()
    ranks: tuple[int, ...] = ()  # of the processes that trained together, if there were several

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings that a report shows, a handful at most."""
        return self.findings[:SHOWN]


def judge(record: Record, rules: Iterable[Rule] | None = None) -> Verdict:
    """Ask every rule (all of the catalogue, unless some are given) what it finds in a record."""
    asked = tuple(catalogue() if rules is None else rules)
    found = [finding for rule in asked for finding in rule.check(record)]
    findings, allowed = parted([*found, *elsewhere(record, asked, found)], record)
    return Verdict(tuple(ranked(demoted(folded(findings, asked)))), asked, of_any(record), allowed, tuple(ranks(record)))


def elsewhere(record: Record, rules: Iterable[Rule], found: Iterable[Finding]) -> Iterator[Finding]:
    """What only other ranks' records show: broken contracts, since among many ranks what is merely likely would be found by chance.

    A rank that holds other layers, as a stage of a pipeline does, is asked for everything.
    """
    known = {(finding.code, finding.where.module) for finding in found}
    layers = {site.module for site in record.sites("layer")}
    for rank, other in ranks(record).items():
        alike = layers.issuperset(site.module for site in other.sites("layer"))
        for finding in () if other is record else (one for rule in rules for one in rule.check(other)):
            if (finding.severity == "error" or not alike) and (finding.code, finding.where.module) not in known:
                known.add((finding.code, finding.where.module))
                yield replace(finding, evidence={"rank": rank, **finding.evidence})


def of_any(record: Record) -> Learned:
    """What the run has learned; where its first rank saw no loss, as in a pipeline, what another one says."""
    answers = [learned(one) for one in ranks(record).values()]
    return next((answer for answer in answers if answer.answer != "unknown"), learned(record))


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Errors before warnings before notes; within each, what explains more first, then what began earlier."""
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -len(f.explains), f.first_step, f.code))


def demoted(findings: list[Finding]) -> list[Finding]:
    """Where an error accounts for a run that learned nothing, that is no second witness for a warning, which becomes a note."""
    if not any(finding.severity == "error" and finding.code not in SYMPTOMS for finding in findings):
        return findings
    return [replace(finding, severity="note") if finding.severity == "warning" else finding for finding in findings]


def folded(findings: list[Finding], rules: Iterable[Rule]) -> list[Finding]:
    """Put every finding that another one explains into that one; the most severe cause takes it."""
    consequences = {rule.code: rule.consequences for rule in rules}
    causes: dict[int, Finding] = {}
    for at, finding in enumerate(findings):
        before = [f for f in findings if finding.code in consequences[f.code] and f.code != finding.code]
        if before:
            causes[at] = ranked(before)[0]

    def whole(finding: Finding) -> Finding:
        below = tuple(whole(findings[at]) for at, cause in causes.items() if cause is finding)
        return replace(finding, explains=below) if below else finding

    return [whole(finding) for at, finding in enumerate(findings) if at not in causes]
