"""The report as one page that needs no network and no script, to be opened from a file, mailed or attached to a build."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from gradwell.report.cards import anchor, card, link
from gradwell.report.charts import losses
from gradwell.report.data import Report
from gradwell.report.markup import definitions, e, folded, grid, prose, section
from gradwell.report.panels import panels
from gradwell.report.summary import cost, headline, scope, training
from gradwell.report.words import count, place

STYLE = files("gradwell.report").joinpath("page.css").read_text("utf-8")
DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none'"


def as_html(report: Report) -> str:
    """The whole page."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{e(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{e(f'Gradwell: {report.script}' if report.script else 'Gradwell')}</title><style>{STYLE}</style></head><body>"
        f"{top(report)}<main>{overview(report)}{findings(report)}{panels(report.record) if report.record else ''}"
        f"{checked(report)}{unseen(report)}</main></body></html>\n"
    )


def top(report: Report) -> str:
    """The headline, the script, and the run in four facts."""
    head, _, rest = headline(report).partition(": ")
    found = report.verdict.findings
    mood = found[0].severity if found else "well" if report.verdict.learned.answer == "yes" else "note"
    title = count(len(found), "finding") if found else head.rstrip(".")
    lead = report.verdict.learned.because if report.record else rest
    rows = [("Learned", e(report.verdict.learned.answer)), ("Run", e(scope(report))), ("Trainer", e(training(report))),
            ("Cost", e(cost(report)))]
    rows = [(label, text) for label, text in rows if text or label != "Trainer"]
    return (
        f'<header class="top {mood}"><div><p class="brand">gradwell{f" <code>{e(report.script)}</code>" if report.script else ""}</p>'
        f"<h1>{e(title[:1].upper() + title[1:])}</h1><p class=\"lead\">{e(sentence(lead))}</p>"
        f"{definitions(rows if report.record else (), 'run')}</div></header>"
    )


def sentence(text: str) -> str:
    """Words that begin with a capital and end with a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def overview(report: Report) -> str:
    """The findings at a glance beside the loss."""
    shown = report.verdict.shown
    lines = "".join(
        f'<li class="{f.severity}"><a href="#{anchor(rank)}">{e(f.code)} {e(f.name)}</a> '
        f'<span>{e(place(f.where))}</span><br>{prose(f.title)}</li>'
        for rank, f in enumerate(shown, 1))
    left = f'<div><h2>At a glance</h2><ol class="glance">{lines}</ol></div>' if lines else ""
    return f"<section>{grid((left, *(losses(report.record, shown) if report.record else ())))}</section>"


def findings(report: Report) -> str:
    """A card for every finding; those beyond a handful are folded."""
    rules = {rule.code: rule for rule in report.verdict.rules}
    cards = [card(rank, finding, report.record, rules) for rank, finding in enumerate(report.verdict.findings, 1)]
    shown, more = cards[:len(report.verdict.shown)], cards[len(report.verdict.shown):]
    return section("Findings", *shown, folded(count(len(more), "more finding"), "".join(more)))


def checked(report: Report) -> str:
    """The rules that were asked."""
    rows = [f'<li>{link(rule.code)} <b>{e(rule.name)}</b> {prose(rule.about())}</li>' for rule in report.verdict.rules]
    return section("What was checked", folded(count(len(rows), "rule"), f'<ul class="rules">{"".join(rows)}</ul>' if rows else ""))


def unseen(report: Report) -> str:
    """What could not be seen."""
    lines = "".join(f"<li>{prose(sentence(text))}</li>" for text in report.limits)
    return section("What could not be seen, and other notices", f"<ul>{lines}</ul>" if lines else "")
