"""Which series belong on which chart: the loss, the signals of a finding, and one strip for every layer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding
from gradwell.doctor.learned import multiple
from gradwell.doctor.record import Record, Site
from gradwell.doctor.rule import Rule
from gradwell.doctor.signal import Signal
from gradwell.report.gains import elided
from gradwell.report.markup import e, figure, table
from gradwell.report.scale import Colours, Series
from gradwell.report.svg import Line, Mark, line_chart, strip
from gradwell.report.words import count, number, plain

LINES, CHARTS, STRIPS = 6, 2, 24  # lines on a chart, charts beside a finding, strips in a figure
WIDE = 30.0  # a largest value so many times the smallest calls for a log scale
WHOLE = ("loss", "run", "optimizer", "model")  # kinds of sites that belong to the run and to no layer


def readings(record: Record, signal: Signal, site: Site | None) -> Series:
    """The readings of a signal; none where it is a fact that is not a number."""
    try:
        return record.series(signal.name, site)
    except ValueError:
        return []


def labels(sites: Sequence[Site]) -> list[str]:
    """A different name for each place; where two would be the same they are numbered."""
    seen: Counter[str] = Counter()
    names = []
    for name in (plain(site.where) for site in sites):
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return names


def drawn(title: str, about: str, lines: Sequence[Line], marks: Sequence[Mark] = ()) -> str:
    """A chart of lines under its title, on a log scale if its values are positive and far apart."""
    values = [v for line in lines for _, v in line.points if math.isfinite(v)]
    log = bool(values) and min(values) > 0 and max(values) > WIDE * min(values)
    key = "".join(f'<span class="{"ref" if line.reference else f"c{i % LINES}"}">{e(line.name)}</span>' for i, line in enumerate(lines))
    return figure(title, f"{about}{' (log scale)' if log else ''}", line_chart(title, lines, marks, log), f'<p class="key">{key}</p>')


def losses(record: Record, findings: Sequence[Finding]) -> Iterator[str]:
    """Every loss beside what a predictor that ignores the input would reach."""
    marks = [Mark(finding.code, finding.first_step) for finding in findings if finding.first_step > 1]
    sites = record.sites("loss")
    for name, site in list(zip(labels(sites), sites, strict=True))[:3]:
        term, trivial = record.series(signals.TERM_LOSS.name, site), record.series(signals.TRIVIAL_LOSS.name, site)
        whole = record.series(signals.LOSS.name, site)
        alone = len(term) < 2
        times = 1.0 if alone else multiple(term, whole)
        every = times is not None
        points = term if times is None else [(step, value / times) for step, value in whole]
        if trivial and points:
            trivial = [*trivial, (points[-1][0], trivial[-1][1])]  # what it would reach is known to the end
        lines = [Line("loss", points)] + ([] if alone or not trivial else [Line("a predictor that ignores the input", trivial, True)])
        if points:
            yield drawn(name[:1].upper() + name[1:], "at every step" if every else "at the steps that were looked at", lines, marks)


def of_finding(record: Record, finding: Finding, rule: Rule | None) -> Iterator[str]:
    """The signals that a finding is about, at its own place."""
    mark = Mark(finding.code, finding.first_step, finding.last_step)
    found = ((signal, lines) for signal in (rule.signals if rule else ()) if (lines := about(record, finding, signal)))
    for _, (signal, lines) in zip(range(CHARTS), found, strict=False):
        yield drawn(signal.about[:1].upper() + signal.about[1:], f"in {signal.unit}", lines, [mark])


def about(record: Record, finding: Finding, signal: Signal) -> list[Line]:
    """The lines of one signal at the place of a finding; at the place's parts, or of the whole run, if it has none of its own."""
    module = finding.where.module
    everywhere = record.sites()
    here = [site for site in everywhere if site.module == module]
    exact = [site for site in here if site.kind == signal.place] or here
    below = [site for site in everywhere if site.kind == signal.place and site.module.startswith(module + ".")]
    whole: list[Site | None] = [*record.sites(signal.place)] or [None] if signal.place in WHOLE else []
    for sites in (exact, below, whole):
        with_points = [(site, points) for site in sites if (points := readings(record, signal, site))][:LINES]
        if with_points:
            names = labels([site for site, _ in with_points if site])
            return [Line(name, points) for name, (_, points) in zip(names or ["run"], with_points, strict=True)]
    return []


def strips(title: str, about: str, rows: Sequence[tuple[str, Series]], colours: Colours) -> str:
    """One strip of colour for each place that has readings; the middle of a long model is left out."""
    rows = [(name, points) for name, points in rows if points]
    if not rows:
        return ""
    steps = min(points[0][0] for _, points in rows), max(points[-1][0] for _, points in rows)

    def row(name: str, points: Series) -> tuple[str, str, str]:
        return e(name), strip(name, points, colours, steps), number(points[-1][1])

    first, hidden, last = elided(rows, STRIPS)
    gap = [(f"<i>{count(hidden, 'layer')} between</i>", "", "")] if hidden else []
    inner = table(("", f"step {steps[0]} to {steps[1]}", "last"), [*(row(*r) for r in first), *gap, *(row(*r) for r in last)], "strips")
    return figure(title, about, inner, key(colours))


def key(colours: Colours) -> str:
    """What the colours of the strips mean."""
    swatches = "".join(f'<rect class="{colours.family}{i}" x="{i}" width="1" height="1"/>' for i in range(9))
    low, middle, high = map(e, colours.legend)
    return (f'<div class="scale"><svg class="strip" viewBox="0 0 9 1" preserveAspectRatio="none" aria-hidden="true">{swatches}</svg>'
            f"<span>{low}</span><span>{middle}</span><span>{high}</span></div>")
