"""What one remedy at a time does to a run: the untouched run's record beside those of the same run with a remedy applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gradwell.doctor import cures
from gradwell.doctor.catalogue import rule
from gradwell.doctor.finding import Finding
from gradwell.doctor.fix import Fix
from gradwell.doctor.judge import judge
from gradwell.doctor.learned import Learned, learned
from gradwell.doctor.record import Record
from gradwell.errors import RuleError

BETTER, WORSE = 0.9, 1.1  # of the untouched run's loss; between the two a remedy made no difference
RATES = {"GW402": Fix("divide the learning rate by 10", cures.slow_down), "GW403": Fix("multiply the learning rate by 10", cures.speed_up)}
Effect = Literal["helps", "makes no difference", "makes it worse", "cannot be applied from outside", "ended early"]


@dataclass(frozen=True)
class Trial:
    """One remedy: what was changed, what the loss did, and whether the finding is gone."""

    code: str
    title: str
    effect: Effect
    loss: Learned
    gone: bool
    steps: int
    advice: str


def findings(record: Record) -> list[Finding]:
    """Everything that was found in a record, consequences after their causes."""

    def unfolded(found: tuple[Finding, ...]) -> Iterator[Finding]:
        for finding in found:
            yield finding
            yield from unfolded(finding.explains)

    return list(unfolded(judge(record).findings))


def candidates(record: Record, wanted: list[str]) -> list[str]:
    """The codes whose remedies are worth a trial: those wanted, or else those of errors and warnings; for a run that learned nothing the
    learning rate, too.

    Raises RuleError when a wanted rule does not exist, or was not found and has no remedy of its own.
    """
    found = findings(record)
    if not wanted:
        codes = [finding.code for finding in found if finding.fix is not None and finding.severity != "note"]
        return list(dict.fromkeys(codes + (list(RATES) if learned(record).late or codes else [])))
    codes = [rule(word).code for word in wanted]
    for code in codes:
        if fix(record, code) is None:
            there = sorted({finding.code for finding in found if finding.fix is not None} | set(RATES))
            raise RuleError(f"{code} has no remedy that can be applied to this run from outside; those that can: {', '.join(there)}")
    return list(dict.fromkeys(codes))


def fix(record: Record, code: str) -> Fix | None:
    """The remedy of a rule for what it found in a record; that of the learning rate is always there."""
    own = next((finding.fix for finding in rule(code).check(record) if finding.fix is not None), None)
    return own or RATES.get(code)


def trial(code: str, untouched: Record, treated: Record | None) -> Trial:
    """Judge one remedy by the record of the run that had it; None where that run left none."""
    cure = fix(untouched, code)
    before = next((finding for finding in rule(code).check(untouched)), None)
    title, advice = cure.title if cure else code, before.remedy if before else rule(code).remedy
    if treated is None:
        return Trial(code, title, "ended early", Learned("unknown"), False, 0, advice)
    loss, base = learned(treated), learned(untouched)
    gone = before is not None and not any(finding.severity != "note" for finding in rule(code).check(treated))
    if not treated.meta("treated"):
        return Trial(code, title, "cannot be applied from outside", loss, gone, treated.steps, advice)
    return Trial(code, title, effect(base, loss), loss, gone, treated.steps, advice)


def effect(untouched: Learned, treated: Learned) -> Effect:
    """What a remedy did to the loss at the end of the run."""
    if treated.last is None or "NaN" in treated.because:
        return "makes it worse" if "NaN" not in untouched.because else "makes no difference"
    if untouched.last is None or "NaN" in untouched.because:
        return "helps"
    size = max(abs(untouched.last), 1e-12)
    change = (treated.last - untouched.last) / size
    return "helps" if change < BETTER - 1 else "makes it worse" if change > WORSE - 1 else "makes no difference"

