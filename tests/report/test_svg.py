from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from gradwell.report.scale import GAINS, SHARES, held, linear_ticks, log_ticks, signed, thinned, tick_labels
from gradwell.report.svg import COLUMNS, Line, Mark, line_chart, strip


def points_of(chart: str) -> list[tuple[float, float]]:
    path = next(p.get("d", "") for p in ElementTree.fromstring(chart).iter("path") if p.get("class") == "line c0")
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_a_line_rises_where_its_values_do() -> None:
    points = points_of(line_chart("rise", [Line("a", [(i, float(i)) for i in range(30)])]))
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)


def test_equal_factors_are_equal_distances_on_a_log_scale() -> None:
    ys = [y for _, y in points_of(line_chart("fall", [Line("a", [(i, 10.0**-i) for i in range(5)])], log=True))]
    assert [b - a for a, b in pairwise(ys)] == pytest.approx([ys[1] - ys[0]] * 4, abs=0.2)


def test_a_value_that_is_not_a_number_breaks_the_line_and_is_marked() -> None:
    chart = line_chart("nan", [Line("a", [(0, 1.0), (1, 2.0), (2, math.nan), (3, 1.0)])])
    assert chart.count('class="nan"') == 1
    assert "step 2: nan" in chart
    assert len(re.findall(r'class="line c0" d="M[^M]*M', chart)) == 1


@pytest.mark.parametrize("points", [
    [], [(0, math.nan)], [(7, 3.0)], [(0, 0.0), (1, 0.0)], [(0, 1e-320), (1, 1e300)], [(0, -1e308), (1, 1e308)], [(0, 1e300), (1, 1.0)],
])
@pytest.mark.parametrize("log", [False, True])
def test_any_series_can_be_drawn(points: list[tuple[int, float]], log: bool) -> None:
    chart = line_chart("odd", [Line("a", points)], [Mark("GW101", 5, 9)], log)
    ElementTree.fromstring(chart)
    assert "nan" not in "".join(re.findall(r'(?:d|x|y|cx|cy)="([^"]*)"', chart))


def test_user_text_is_escaped_in_a_chart() -> None:
    chart = line_chart('"><script>', [Line("<b>&", [(0, 1.0), (1, 2.0)])], [Mark("<i>", 0)])
    ElementTree.fromstring(chart)
    assert "<script>" not in chart
    assert "<b>" not in chart


def test_a_finding_marks_its_first_step_and_shades_its_span() -> None:
    chart = line_chart("mark", [Line("a", [(0, 1.0), (100, 2.0)])], [Mark("GW101", 50, 100), Mark("GW402", 50)])
    assert chart.count('class="span"') == 1
    assert "GW101 GW402" in chart


def test_a_long_series_keeps_its_spike() -> None:
    series = [(i, 1.0) for i in range(10_000)]
    series[5_003] = (5_003, 99.0)
    series[7_003] = (7_003, math.inf)
    short = thinned(series, 300)
    assert len(short) <= 300
    assert {(5_003, 99.0), (7_003, math.inf)} <= set(short)


def test_a_strip_holds_the_last_reading_until_the_next() -> None:
    assert held([(2, 1.0), (4, 3.0), (4, 5.0)], 0, 5, 6) == [None, None, 1.0, 1.0, 4.0, 4.0]
    ElementTree.fromstring(strip("<a>", [(0, 0.1), (50, math.nan), (99, 10.0)], GAINS, (0, 99)))


def test_a_strip_covers_the_run_from_end_to_end() -> None:
    drawn = strip("a", [(0, 0.1), (50, 1.0), (99, 10.0)], GAINS, (0, 99))
    assert sum(int(width) for width in re.findall(r"h(\d+)v", drawn)) == COLUMNS


def test_colours_tell_shrinking_from_growing() -> None:
    assert [GAINS.of(v) for v in (0.0, 0.01, 1.0, 100.0, 1e9, math.nan)] == ["d0", "d0", "d4", "d8", "d8", "bad"]
    assert [SHARES.of(v) for v in (0.0, 0.5, 1.0)] == ["s0", "s4", "s8"]
    assert [signed(2.0).of(v) for v in (-2.0, 0.0, 2.0)] == ["d0", "d4", "d8"]


def test_ticks_are_round_and_enclose_the_values() -> None:
    assert linear_ticks(0.0, 1.0) == pytest.approx([0, 0.5, 1.0])
    assert log_ticks(0.02, 5.0) == pytest.approx([0.01, 0.1, 1, 10])
    for low, high in ((-3.2, 17.0), (2.29, 2.33), (5.0, 5.0), (0.0, 0.0), (-1e9, 1e-9)):
        ticks = linear_ticks(low, high)
        assert ticks[0] <= low <= high <= ticks[-1] * (1 + 1e-9) + 1e-9
        assert 2 <= len(ticks) <= 8


def test_the_ticks_of_a_narrow_range_are_told_apart() -> None:
    assert tick_labels(linear_ticks(2.30201, 2.30279)) == ["2.302", "2.3022", "2.3024", "2.3026", "2.3028"]
    assert tick_labels([0.0, 500.0, 1000.0, 1500.0]) == ["0", "500", "1,000", "1,500"]
