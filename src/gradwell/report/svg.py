"""Charts as inline SVG, coloured by the page's style sheet: lines over steps, and strips of colour for many layers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradwell.report.markup import e
from gradwell.report.scale import Colours, Point, Series, held, linear_ticks, log_ticks, thinned, tick_labels
from gradwell.report.words import number

WIDTH, HEIGHT = 460, 220
LEFT, RIGHT, TOP, BOTTOM = 60, 12, 20, 26  # margins around the plot
POINTS, COLUMNS = 300, 60  # of a line, of a strip
DOTS = 24  # a line of at most so many points shows each of them


@dataclass(frozen=True)
class Line:
    """One line of a chart; a `reference` is something to compare with and is drawn dashed."""

    name: str
    points: Series
    reference: bool = False


@dataclass(frozen=True)
class Mark:
    """A step at which something began; with a `last` step the whole span is shaded."""

    label: str
    first: int
    last: int | None = None


@dataclass(frozen=True)
class Axes:
    """Maps steps and values to the plane."""

    first: int
    last: int
    ticks: tuple[float, ...]
    log: bool

    def x(self, step: float) -> float:
        """From a step to the right."""
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (step - self.first) / max(1, self.last - self.first), 1)

    def y(self, value: float) -> float:
        """From a value downwards; what is not finite lies on the upper edge."""
        if not math.isfinite(value):
            return TOP
        low, high, at = ((math.log10(max(v, 1e-300)) for v in (self.ticks[0], self.ticks[-1], value)) if self.log
                         else (self.ticks[0], self.ticks[-1], value))
        share = min(1.0, max(0.0, (at - low) / (high - low)))
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def axes(lines: Sequence[Line], log: bool) -> Axes:
    """Axes that hold every point. On a log scale what is not positive lies on the lower edge."""
    steps = [step for line in lines for step, _ in line.points] or [0]
    values = [min(1e300, max(-1e300, v)) for line in lines for _, v in line.points if math.isfinite(v)]
    if log and (positive := [v for v in values if v > 0]):
        return Axes(min(steps), max(steps), tuple(log_ticks(min(positive), max(positive))), True)
    return Axes(min(steps), max(steps), tuple(linear_ticks(min(values, default=0.0), max(values, default=1.0))), False)


def line_chart(title: str, lines: Sequence[Line], marks: Sequence[Mark] = (), log: bool = False) -> str:
    """A chart of values over steps."""
    plane = axes(lines, log)
    inner = [*_grid(plane), *_marks(plane, marks), *(part for i, line in enumerate(lines) for part in _line(plane, line, i))]
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{e(title)}">{"".join(inner)}</svg>'


def _grid(plane: Axes) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for tick, label in zip(plane.ticks, tick_labels(plane.ticks), strict=True):
        y = plane.y(tick)
        yield f'<path class="lattice" d="M{LEFT} {y}H{right}"/><text class="tick end" x="{LEFT - 6}" y="{y + 4}">{label}</text>'
    for step, anchor in ((plane.first, "start"), ((plane.first + plane.last) // 2, "middle"), (plane.last, "end")):
        words = f"step {number(step)}" if anchor == "start" else number(step)
        yield f'<text class="tick {anchor}" x="{plane.x(step)}" y="{bottom + 17}">{words}</text>'
    yield f'<path class="axis" d="M{LEFT} {bottom}H{right}"/>'


def _marks(plane: Axes, marks: Sequence[Mark]) -> Iterator[str]:
    bottom = HEIGHT - BOTTOM
    labels: dict[float, list[str]] = defaultdict(list)
    for mark in marks:
        x, end = (plane.x(min(max(step, plane.first), plane.last)) for step in (mark.first, mark.first if mark.last is None else mark.last))
        if end > x:
            yield f'<rect class="span" x="{x}" y="{TOP}" width="{end - x:.1f}" height="{bottom - TOP}"/>'
        labels[x].append(mark.label)
    free = -math.inf  # labels that would overlap are left to the line's title
    for x, names in sorted(labels.items()):
        text = e(" ".join(dict.fromkeys(names)))
        yield f'<path class="mark" d="M{x} {TOP}V{bottom}"><title>{text}</title></path>'
        wide = 6.6 * len(text)
        at = min(x, WIDTH - RIGHT - wide)
        if at > free:
            yield f'<text class="tick start" x="{at:.1f}" y="{TOP - 6}">{text}</text>'
            free = at + wide + 6


def _line(plane: Axes, line: Line, index: int) -> Iterator[str]:
    points = thinned(line.points, POINTS)
    style = "ref" if line.reference else f"c{index % 6}"
    title = f"<title>{e(said(line.name, line.points))}</title>"
    path, pen = "", "M"
    for step, value in points:
        path += f"{pen}{plane.x(step)} {plane.y(value)}" if math.isfinite(value) else ""
        pen = "L" if math.isfinite(value) else "M"
    yield f'<path class="line {style}" d="{path}">{title}</path>' if path else ""
    for step, value in points:
        if not math.isfinite(value):
            x = plane.x(step)
            yield f'<path class="nan" d="M{x - 4} {TOP - 4}l8 8m0-8l-8 8"><title>step {step}: {number(value)}</title></path>'
        elif len(points) <= DOTS and not line.reference:
            spoken = f"{e(line.name)}, step {step}: {number(value)}"
            yield f'<circle class="dot {style}" cx="{plane.x(step)}" cy="{plane.y(value)}" r="2.6"><title>{spoken}</title></circle>'


def strip(name: str, series: Series, colours: Colours, steps: tuple[int, int]) -> str:
    """One series as a strip of colour from the first step to the last; gaps where nothing was read."""
    runs: dict[str, str] = defaultdict(str)
    cells = [None if value is None else colours.of(value) for value in held(series, *steps, COLUMNS)]
    start = 0
    for i in range(1, COLUMNS + 1):
        if i == COLUMNS or cells[i] != cells[start]:
            if (colour := cells[start]) is not None:
                runs[colour] += f"M{start} 0h{i - start}v1h-{i - start}z"
            start = i
    paths = "".join(f'<path class="{colour}" d="{path}"/>' for colour, path in runs.items())
    spoken = e(said(name, series))
    return (f'<svg class="strip" viewBox="0 0 {COLUMNS} 1" preserveAspectRatio="none" role="img" aria-label="{spoken}">'
            f"<title>{spoken}</title>{paths}</svg>")


def said(name: str, series: Sequence[Point]) -> str:
    """A series in words: its first and last value and, between them, its extremes."""
    if not series:
        return name
    (first, a), (last, b) = series[0], series[-1]
    values = [v for _, v in series if math.isfinite(v)]
    between = f"; from {number(min(values))} to {number(max(values))} in all" if len(values) > 2 else ""
    return f"{name}: {number(a)} at step {first}, {number(b)} at step {last}{between}"
