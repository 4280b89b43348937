"""What a finding is: one fault named, with its place, its time, the numbers that show it, its cause and its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradwell.doctor.fix import Fix

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
Evidence = Mapping[str, object]
OPERATIONS = {  # what autograd calls them, and what everybody does
    "NativeBatchNorm": "batch norm", "CudnnBatchNorm": "batch norm", "MiopenBatchNorm": "batch norm", "NativeLayerNorm": "layer norm",
    "NativeGroupNorm": "group norm", "FusedRmsNorm": "RMS norm", "Neg": "negated",
}


@dataclass(frozen=True)
class Where:
    """The place of a finding: the module's path in the user's model, and the line on which the user built it or called the loss."""

    module: str
    type: str = ""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        kind = OPERATIONS.get(self.type, self.type)
        return f"{self.module} ({kind})" if kind and kind != self.module else self.module


@dataclass(frozen=True)
class Finding:
    """One fault of a run. `explains` holds the findings that are consequences of this one and are therefore not listed beside it."""

    code: str
    name: str
    severity: Severity
    title: str
    where: Where
    first_step: int
    last_step: int
    evidence: Evidence
    cause: str
    remedy: str
    fix: Fix | None = field(default=None, compare=False)
    explains: tuple[Finding, ...] = ()


def fails(findings: Iterable[Finding], least: str) -> bool:
    """Whether a finding, or one that it explains, is as bad as `least`: error, warning or note; nothing is as bad as `never`."""
    if least not in SEVERITIES:
        return False
    bad = SEVERITIES[:SEVERITIES.index(least) + 1]
    return any(finding.severity in bad or fails(finding.explains, least) for finding in findings)
