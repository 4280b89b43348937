"""What a check-up before training says: each thing that was tried, whether it went well, and the faults that showed."""

from __future__ import annotations

from dataclasses import dataclass

from gradwell.doctor.finding import Finding


@dataclass(frozen=True)
class Check:
    """One thing that was tried; `passed` is None where it could not be tried, and `says` tells what was measured, or why not."""

    name: str
    passed: bool | None
    says: str


@dataclass(frozen=True)
class Checkup:
    """All checks, and the findings of a few steps on the one batch; `allowed` are those that a comment in the source asks to leave out.

    Prints itself as text.
    """

    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    allowed: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong: no check failed and no error was found."""
        return not any(check.passed is False for check in self.checks) and not any(f.severity == "error" for f in self.findings)

    def __str__(self) -> str:
        marks = {True: "ok  ", False: "FAIL", None: "?   "}
        lines = [f"{marks[check.passed]}  {check.name}: {check.says}" for check in self.checks]
        for finding in self.findings:
            lines += ["", f"{finding.code} {finding.name} ({finding.severity}) at {finding.where}", f"  {finding.title}",
                      f"  cause: {finding.cause}", f"  remedy: {finding.remedy}"]
        if self.allowed:
            lines.append("")
        lines += [f"allowed: {f.code} {f.name} at {f.where}, {f.where.file}:{f.where.line}" for f in self.allowed]
        return "\n".join(lines)
