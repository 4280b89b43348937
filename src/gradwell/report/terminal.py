"""Findings for the terminal: a few lines each, the most blamed first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradwell.doctor.finding import Finding
from gradwell.report.data import Report
from gradwell.report.gains import HEADS, Gain, columns, elided, from_evidence
from gradwell.report.summary import cost, headline, learned, scope, training
from gradwell.report.words import consequences, count, facts, number, place, plain, source

STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
FACTS = 8  # pieces of evidence shown
ROWS = 14  # of the table of gains
NARROW = 64  # columns below which that table has no room
CONSEQUENCES = 4  # named; more are counted


def as_text(report: Report, *, width: int = 100, color: bool = False) -> str:
    """The report as text of `width` columns, with or without colours; one line where nothing is wrong."""
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=color, color_system="standard" if color else None, no_color=not color,
                      highlight=False, markup=False, emoji=False, legacy_windows=False)
    verdict = report.verdict
    console.print(Text(f"gradwell: {headline(report)}"), soft_wrap=True)
    told = ("trainer", training(report))
    rows = [("run", scope(report)), told, ("learned", learned(report)), ("cost", cost(report))] if verdict.findings else [told]
    if any(text for _, text in rows):
        console.print(labelled((label, text) for label, text in rows if text))
    for finding in verdict.shown:
        console.print(Text())
        console.print(heading(finding))
        for part in body(finding, width >= NARROW):
            console.print(Padding(part, (0, 0, 0, 2)))
    hidden = len(verdict.findings) - len(verdict.shown)
    if hidden:
        console.print(Text(f"\n{hidden} more in the page and the JSON."))
    if report.limits and report.record is not None:  # without a record the headline has named them
        if verdict.findings:
            console.print(Text())
        console.print(labelled(("notice" if i == 0 else "", plain(sentence)) for i, sentence in enumerate(report.limits)))
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().split("\n"))


def heading(finding: Finding) -> Text:
    """How bad it is, code, name and place."""
    where = "  ".join(filter(None, (place(finding.where), source(finding.where))))
    return Text.assemble((f"{finding.severity} {finding.code} {finding.name}", STYLES[finding.severity]), f"  {where}", overflow="fold")


def body(finding: Finding, wide: bool) -> Iterator[RenderableType]:
    """Everything below a finding's heading; the table of gains where it has room."""
    yield Text(plain(finding.title), style="bold", overflow="fold")
    shown = [f"{label}: {text}" for label, text in facts(finding.evidence)]
    rows = [("evidence", "; ".join(shown[:FACTS]) + (f"; {len(shown) - FACTS} more in the page" if len(shown) > FACTS else ""))]
    rows += [("cause", plain(finding.cause)), ("remedy", plain(finding.remedy))]
    below = [f"{f.code} {f.name} at {plain(f.where.module)}" for f in consequences(finding)]
    more = [f"{len(below) - CONSEQUENCES} more"] if len(below) > CONSEQUENCES else []
    rows.append(("explains", "; ".join(below[:CONSEQUENCES] + more)))
    yield labelled((label, text) for label, text in rows if text)
    if wide and (gains := from_evidence(finding.evidence)):
        yield labelled([("gains", gain_table(gains))])


def labelled(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Labels to the left, wrapped texts or tables to the right."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=8, no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, content in rows:
        grid.add_row(Text(label), Text(content) if isinstance(content, str) else content)
    return grid


def gain_table(gains: tuple[Gain, ...]) -> Table:
    """The factors by which each layer scales the gradient, from the first layer to the last."""
    names = columns(gains)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("layer", overflow="fold", min_width=8)
    for name in names:
        table.add_column(HEADS[name], justify="right", no_wrap=True, min_width=8)
    first, hidden, last = elided(gains, ROWS - 1)
    for gain in first:
        table.add_row(*cells(gain, names))
    if hidden:
        table.add_row(Text(f"... {count(hidden, 'layer')} between"), *("" for _ in names))
    for gain in last:
        table.add_row(*cells(gain, names))
    return table


def cells(gain: Gain, names: tuple[str, ...]) -> list[Text]:
    """One row of the table."""
    values = [getattr(gain, name) for name in names]
    return [Text(gain.layer), *(Text("-" if value is None else number(value)) for value in values)]
