"""Findings as JSON, for programs; docs/findings.schema.json is the contract."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from numbers import Integral, Real
from typing import Any

from gradwell.doctor.finding import Finding
from gradwell.doctor.metrics import Metric
from gradwell.report.data import Report

SCHEMA = 1


def as_json(report: Report) -> dict[str, Any]:
    """Everything that was found, the most blamed first, as plain values that any JSON reader takes."""
    return {
        "schema": SCHEMA, "script": report.script, "steps": report.steps, "learned": strict(asdict(report.verdict.learned)),
        "overhead": strict(report.overhead), "epochs": report.epochs, "metrics": [of_metric(metric) for metric in report.metrics],
        "ranks": list(report.verdict.ranks), "notices": list(report.limits),
        "findings": [of_finding(finding) for finding in report.verdict.findings],
    }


def of_metric(metric: Metric) -> dict[str, Any]:
    """What a trainer measured: its last value and, where its name says which way is better, its best."""
    last, best = ({"step": one[0], "value": strict(one[1])} if one else None for one in (metric.readings[-1], metric.best))
    return {"name": metric.name, "last": last, "best": best}


def of_finding(finding: Finding) -> dict[str, Any]:
    """A finding and, nested, those that it explains."""
    where = finding.where
    return {
        "code": finding.code, "name": finding.name, "severity": finding.severity, "title": finding.title,
        "where": {"module": where.module, "file": where.file, "line": where.line},
        "first_step": finding.first_step, "last_step": finding.last_step, "evidence": strict(finding.evidence),
        "cause": finding.cause, "remedy": finding.remedy, "explains": [of_finding(below) for below in finding.explains],
    }


def strict(value: object) -> Any:
    """The value in JSON's own types; a number that JSON lacks becomes "nan", "inf" or "-inf", anything else its text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [strict(item) for item in value]
    return str(value)
