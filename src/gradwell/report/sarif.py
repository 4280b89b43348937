"""Findings as SARIF 2.1.0 (OASIS standard), the file that code scanning and many editors read."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradwell
from gradwell.doctor.finding import Finding, Where
from gradwell.doctor.rule import Rule
from gradwell.errors import GradwellError
from gradwell.report.data import Report
from gradwell.report.json import strict
from gradwell.report.manual import MANUAL, filled, manual_page, printed_page
from gradwell.report.repository import within
from gradwell.report.words import consequences, plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/gradwell/gradwell"
ROOT = "%SRCROOT%"  # what tools call the folder of the repository


def as_sarif(report: Report) -> dict[str, Any]:
    """The rules that were asked and what they found, the most blamed first; what a comment allows is there as suppressed."""
    rules = report.verdict.rules
    shown = partial(result, rules=rules, seen=Counter(), anchor=trained(report))
    results = [shown(finding) for finding in report.verdict.findings]
    results += [shown(finding) | {"suppressions": [{"kind": "inSource"}]} for finding in report.verdict.allowed]
    driver = {"name": "gradwell", "version": gradwell.__version__, "informationUri": HOME, "rules": [described(rule) for rule in rules]}
    notices = [{"level": "note", "message": message(sentence)} for sentence in report.limits]
    invocation = {"executionSuccessful": True, "commandLine": report.script, "toolExecutionNotifications": notices}
    run = {"tool": {"driver": driver}, "invocations": [invocation], "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def described(rule: Rule) -> dict[str, Any]:
    """A rule, with its page of the manual as help."""
    try:
        help_ = {"text": plain(filled(rule.remedy)), "markdown": re.sub(r"\]\((?!http)", f"]({MANUAL}", printed_page(rule.code))}
    except GradwellError:  # this installation lacks the manual
        help_ = {"text": plain(filled(rule.remedy))}
    return {
        "id": rule.code, "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": message(rule.name.replace("-", " ")), "fullDescription": message(inspect.cleandoc(rule.__doc__ or rule.name)),
        "help": help_, "helpUri": manual_page(rule.code), "defaultConfiguration": {"level": rule.kind},
    }


def trained(report: Report) -> Where | None:
    """Where the script trains: what has no line of its own is shown there, since GitHub takes no file with a result that lies nowhere."""
    sites = [site for site in report.record.sites() if site.file] if report.record else []
    return min(sites, key=lambda site: (within(str(site.file)) is None, site.kind != "loss")).where if sites else None


def result(finding: Finding, rules: tuple[Rule, ...], seen: Counter[str], anchor: Where | None) -> dict[str, Any]:
    """A finding; those that it explains are its related locations."""
    known = {rule.code: at for at, rule in enumerate(rules)}
    below = [{"id": number, **location(one.where, anchor), "message": message(f"{one.code} {one.name}: {one.title}")}
             for number, one in enumerate(consequences(finding), 1)]
    return {
        "ruleId": finding.code, **({"ruleIndex": known[finding.code]} if finding.code in known else {}), "level": finding.severity,
        "message": message(f"{finding.title} {finding.cause} {finding.remedy}"), "locations": [location(finding.where, anchor)],
        **({"relatedLocations": below} if below else {}), "partialFingerprints": {"gradwell/v1": fingerprint(finding, seen)},
        "properties": {"evidence": strict(finding.evidence), "cause": finding.cause, "remedy": finding.remedy,
                       "firstStep": finding.first_step, "lastStep": finding.last_step},
    }


def location(where: Where, anchor: Where | None) -> dict[str, Any]:
    """The module's path in the model and its line or, where that is not known, the line of the anchor."""
    logical = {"name": plain(where.module).rpartition(".")[2] or "model", "fullyQualifiedName": plain(where.module), "kind": "module"}
    where = anchor if where.file is None and anchor is not None else where
    if where.file is None:
        return {"logicalLocations": [logical]}
    path = within(where.file)
    artifact = {"uri": Path(where.file).absolute().as_uri()} if path is None else {"uri": quote(path), "uriBaseId": ROOT}
    region = {"region": {"startLine": where.line}} if where.line else {}
    return {"physicalLocation": {"artifactLocation": artifact, **region}, "logicalLocations": [logical]}


def fingerprint(finding: Finding, seen: Counter[str]) -> str:
    """What stays the same when lines move: rule, file and module; a further finding of the same three is numbered."""
    file = finding.where.file or ""
    same = hashlib.sha256("\0".join((finding.code, within(file) or Path(file).name, finding.where.module)).encode(errors="replace"))
    seen[same.hexdigest()] += 1
    return f"{same.hexdigest()[:32]}:{seen[same.hexdigest()]}"


def message(text: str) -> dict[str, str]:
    """A text of SARIF."""
    return {"text": plain(text)}
