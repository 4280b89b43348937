"""What a rule is: how one fault is seen in a record, and an example of it, sick and healthy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from gradwell.doctor.finding import Evidence, Finding, Severity, Where
from gradwell.doctor.record import Record
from gradwell.doctor.run import Run
from gradwell.doctor.signal import Signal

Kind = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Rule(ABC):
    """One fault of training. Its fields are its thresholds, each with its unit; its docstring's first line says what is wrong.

    `kind` is the highest severity it may report: an error is certain by construction, a warning needs two witnesses
    (the symptom, and a run that is no better than it should be), a note is for information.
    `consequences` are the codes that this fault brings about: where both are found, they are folded into this one.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    kind: ClassVar[Kind]
    signals: ClassVar[tuple[Signal, ...]]
    cause: ClassVar[str]
    remedy: ClassVar[str]
    source: ClassVar[str]
    consequences: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check(self, record: Record) -> Iterator[Finding]:
        """Judge a record by its numbers alone."""

    @abstractmethod
    def example(self, sick: bool) -> Run:
        """A small run that has the fault, or the same run without it."""

    @classmethod
    def about(cls) -> str:
        """The docstring's first sentence."""
        return (cls.__doc__ or "").strip().split("\n")[0]

    def finding(self, title: str, where: Where, steps: tuple[int, int], evidence: Evidence,
                severity: Severity | None = None, **other: Any) -> Finding:
        """A finding of this rule, with its cause and remedy unless `other` names more exact ones."""
        words = {"cause": self.cause, "remedy": self.remedy} | other
        return Finding(self.code, self.name, severity or self.kind, title, where, *steps, evidence, **words)
