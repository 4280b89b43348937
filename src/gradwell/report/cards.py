"""A finding as a card: what is wrong and what to do about it, beside the measurements that show it."""

from __future__ import annotations

from collections.abc import Sequence

from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.report.charts import of_finding
from gradwell.report.gains import FACTORS, HEADS, Gain, columns, elided, from_evidence
from gradwell.report.manual import manual_page
from gradwell.report.markup import definitions, e, figure, folded, prose, table
from gradwell.report.words import consequences, count, facts, number, place, source

ROWS = 16  # of a table of gains


def card(rank: int, finding: Finding, record: Record | None, rules: dict[str, Rule]) -> str:
    """One finding with everything that belongs to it."""
    gains = from_evidence(finding.evidence)
    proof = definitions([(label, e(text)) for label, text in facts(finding.evidence)], "facts")
    shown = figure("Evidence", "", proof) if proof else ""
    shown += "".join(of_finding(record, finding, rules.get(finding.code))) if record else ""
    left, right = (shown, gain_figure(gains)) if gains else ("", shown)
    below = "".join(f"<li>{consequence(f)}</li>" for f in consequences(finding))
    lines = source(finding.where)
    return (
        f'<article class="card {finding.severity}" id="{anchor(rank)}"><header><span class="pill">{finding.severity}</span> '
        f'<h3>{link(finding.code)} {e(finding.name)}</h3>'
        f'<p class="place">{e(place(finding.where))}{f" <code>{e(lines)}</code>" if lines else ""} '
        f'<span>{span(finding)}</span></p></header>'
        f'<p class="title">{prose(finding.title)}</p><div class="grid"><div>'
        + definitions((("Cause", prose(finding.cause)), ("Remedy", prose(finding.remedy))), "words")
        + folded(f"It explains {count(len(list(consequences(finding))), 'more finding')}", f"<ul>{below}</ul>" if below else "")
        + f"{left}</div><div>{right}</div></div></article>"
    )


def consequence(finding: Finding) -> str:
    """A folded finding in a line."""
    return f"{link(finding.code)} {e(finding.name)} at {e(place(finding.where))}: {prose(finding.title)}"


def link(code: str) -> str:
    """A rule's code, leading to its page in the manual."""
    return f'<a href="{e(manual_page(code))}" rel="noreferrer">{e(code)}</a>'


def anchor(rank: int) -> str:
    """The name within the page of the finding of this rank."""
    return f"finding-{rank}"


def span(finding: Finding) -> str:
    """When the fault was there."""
    if finding.first_step == finding.last_step:
        return f"step {number(finding.first_step)}"
    return f"steps {number(finding.first_step)} to {number(finding.last_step)}"


def gain_figure(gains: Sequence[Gain], title: str = "Gradient gain") -> str:
    """The factors by which each layer scales the gradient, from the first layer to the last."""
    names = columns(gains)

    def row(gain: Gain) -> list[str]:
        return [e(gain.layer), *(cell(name, getattr(gain, name)) for name in names)]

    first, hidden, last = elided(gains, ROWS)
    gap = [[f"<i>{count(hidden, 'layer')} between</i>", *("" for _ in names)]] if hidden else []
    about = "The factors by which each layer scales the gradient on its way back, and the gradient's size there."
    return figure(title, about, table(("layer", *(HEADS[name] for name in names)), [*map(row, first), *gap, *map(row, last)], "gains"))


def cell(name: str, value: float | None) -> str:
    """A number, tinted where the factor is far from one."""
    if value is None:
        return "-"
    tints = (("low2", value <= 0.1), ("low1", value <= 0.5), ("high2", value >= 10), ("high1", value >= 2))
    tint = next((kind for kind, far in tints if far), "")
    return f'<td class="{tint}">{number(value)}</td>' if tint and name in FACTORS else number(value)
