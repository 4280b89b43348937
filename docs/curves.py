"""The charts of the lab's pages, from the shipped results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from gradwell.lab import Chart, catalogue, spread
from gradwell.lab.result import load
from gradwell.lab.rows import Row
from gradwell.lab.shelf import SHIPPED, file


def draw(docs: Path) -> None:
    """Draw the charts of all claims."""
    for one in catalogue():
        for i, chart in enumerate(one.charts, 1):
            drawn = picture(chart, load(file(one, SHIPPED)).main.rows)
            with rc_context({"svg.fonttype": "none", "svg.hashsalt": one.id}):  # the same file for the same numbers
                drawn.savefig(docs / "lab" / f"{one.id}-{i}.svg", metadata={"Date": None, "Creator": None})


def picture(chart: Chart, rows: Sequence[Row]) -> Figure:
    """A chart as matplotlib draws it: medians over the seeds, with their intervals."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes, found = figure.add_subplot(), lines(chart, rows)
    for number, (name, points) in enumerate(found.items()):
        spreads = {at: spread(values) for at, values in points.items()}
        middle = [one.median for one in spreads.values()]
        low, high = [one.low for one in spreads.values()], [one.high for one in spreads.values()]
        if all(isinstance(at, str) for at in spreads):
            width = 0.8 / len(found)
            places = [i + number * width for i in range(len(spreads))]
            errors = [[m - a for m, a in zip(middle, low, strict=True)], [b - m for m, b in zip(middle, high, strict=True)]]
            axes.bar(places, middle, width, yerr=errors, label=name, capsize=2)
            axes.set_xticks([i + 0.4 - width / 2 for i in range(len(spreads))], [str(one) for one in spreads])
        else:
            axes.plot([*spreads], middle, label=name, marker="." if len(spreads) < 30 else "")
            axes.fill_between([*spreads], low, high, alpha=0.2)
    if chart.log_x:
        axes.set_xscale("log")
    if chart.log_y:
        axes.set_yscale("log")
    axes.set_xlabel(chart.x.replace("_", " "))
    axes.set_ylabel(chart.y.replace("_", " "))
    axes.set_title(chart.title, fontsize=10)
    if chart.by:
        axes.legend(fontsize=8, title=chart.by.replace("_", " "), title_fontsize=8)
    return figure


def lines(chart: Chart, rows: Sequence[Row]) -> dict[str, dict[float | str, list[float]]]:
    """The rows as a chart's lines: by name, and there by place, the values of all seeds."""
    found: dict[str, dict[float | str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if chart.x in row and chart.y in row:
            x = row[chart.x]
            found[str(row[chart.by]) if chart.by else chart.y][x if isinstance(x, str) else float(x)].append(float(row[chart.y]))
    return found
