"""Has the run learned anything? Its loss against a predictor that never looks at the input, and its trend with confidence."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gradwell.doctor import signals
from gradwell.doctor.record import Record, Site

MARGIN = 0.95  # of the trivial predictor's loss; a run above it has learned nothing (TheDeepChecker gates regression so)
FALL = 0.9  # of the first loss, where the trivial predictor is unknown
TAIL = 0.2  # share of the readings that count as the end of a run
WINDOWS = 300  # of readings that are looked at, at most; in a run of 375 readings or fewer every one
Answer = Literal["yes", "no", "unknown"]
Series = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Learned:
    """What the loss says: its first and last level (mean of a window), the trivial predictor's, and the slope at the end.

    `slope` is the loss's change per 100 steps over the second half of the run, `slope_error` its standard error; `stuck` is the share
    of the run during which the loss was no better than the trivial predictor's.
    """

    answer: Answer
    loss: str = ""
    first: float | None = None
    last: float | None = None
    last_error: float | None = None
    trivial: float | None = None
    slope: float | None = None
    slope_error: float | None = None
    stuck: float = 0.0
    because: str = "no loss was seen"

    @property
    def nothing(self) -> bool:
        """Whether the run is no better than it would be without looking at the input: the second witness of dynamic rules."""
        return self.answer == "no"

    @property
    def late(self) -> bool:
        """Whether the run had learned nothing for half of its steps or more, even if it did in the end."""
        return self.nothing or self.stuck >= 0.5


def learned(record: Record) -> Learned:
    """Judge every loss of the run; the run has learned if any of them has, the loss with the most readings speaks for it."""
    found = record.once("speaking", speaking)
    return found[1] if found else Learned("unknown")


def course(record: Record) -> list[tuple[int, float]]:
    """The finite readings of the loss that speaks for the run; empty where there is none."""
    found = record.once("speaking", speaking)
    return readings(record, found[0]) if found else []


def speaking(record: Record) -> tuple[Site, Learned] | None:
    """The loss that speaks for the run, and what it says."""
    answers = [(site, *found) for site in record.sites("loss") if (found := of_loss(record, site)) is not None]
    best = [answer for answer in answers if answer[2].answer == "yes"]
    if not answers:
        return None
    site, _, answer = best[0] if best else max(answers, key=lambda known: known[1])
    return site, answer


def of_loss(record: Record, site: Site) -> tuple[int, Learned] | None:
    """Judge one loss by its readings; None where it has too few."""
    term = finite(record.series(signals.TERM_LOSS.name, site))
    known = record.series(signals.TRIVIAL_LOSS.name, site)
    losses = readings(record, site)
    if len(losses) < 2:
        return None
    trivial = known[-1][1] if known and len(term) >= 2 and known[-1][1] > 1e-6 else None
    first, _ = level([value for _, value in losses[: window(losses)]])
    last, error = level([value for _, value in losses[-window(losses):]])
    slope, slope_error = trend(losses[len(losses) // 2:])
    name, stuck = site.type or "loss", 0.0
    if record.sites("loss") and any(not math.isfinite(value) for _, value in record.series(signals.LOSS.name, site)[-3:]):
        return len(losses), Learned("no", name, first, last, error, trivial, slope, slope_error, 1.0, "the loss ended as NaN or infinity")
    if trivial is not None:
        answer: Answer = "yes" if last + 2 * error < MARGIN * trivial else "no"
        words = "below" if answer == "yes" else "no better than" if last >= trivial else "not clearly below"
        because = f"the loss ends at {last:.3g}, {words} the {trivial:.3g} of a predictor that ignores the input"
        stuck = standing(losses, trivial)
        if answer == "yes" and stuck >= 0.5:
            because += f", but was no better than that for {stuck:.0%} of the run"
    else:
        answer = "yes" if last + 2 * error < first - (1 - FALL) * abs(first) else "no" if first > 0 and len(losses) >= 10 else "unknown"
        because = f"the loss went from {first:.3g} to {last:.3g}; what a predictor that ignores the input would reach is not known for it"
    return len(losses), Learned(answer, name, first, last, error, trivial, slope, slope_error, stuck, because)


def readings(record: Record, site: Site) -> list[tuple[int, float]]:
    """The finite readings that stand for a loss: those of every step, or of its recognised term where that is only a part of it."""
    term, whole, known = (finite(record.series(signal.name, site)) for signal in (signals.TERM_LOSS, signals.LOSS, signals.TRIVIAL_LOSS))
    if len(term) < 2 or (known and bounds(whole, term, known[-1][1])):
        return whole
    times = multiple(term, whole)
    return term if times is None else [(step, value / times) for step, value in whole]


def bounds(whole: Series, term: Series, trivial: float) -> bool:
    """Whether the whole loss proves what the term, looked at too seldom, cannot: that a run has ended below the trivial predictor.

    Of a short run the last looks at the term may all lie before its middle. The whole is read at every step; where it is never below
    the term, as with a penalty or smoothed labels, the term ends below it.
    """
    if not whole or term[-window(term)][0] > (whole[0][0] + whole[-1][0]) / 2:
        return False
    values = dict(whole)
    above = all(values.get(step, -math.inf) >= MARGIN * value for step, value in term)
    return above and level([value for _, value in whole[-window(whole):]])[0] < MARGIN * trivial


def standing(losses: Series, trivial: float) -> float:
    """The share of the steps up to the first window of readings whose mean beats the trivial predictor's loss clearly."""
    for first, mean in means(losses):
        if mean < MARGIN * trivial:
            return (first - losses[0][0]) / max(1, losses[-1][0] - losses[0][0])
    return 1.0


def means(series: Series) -> Iterator[tuple[int, float]]:
    """The means of windows of readings, each with its first step: every window, or of a long series some evenly spaced ones."""
    width, values = window(series), [value for _, value in series]
    for i in range(0, len(series) - width + 1, 1 + (len(series) - width) // WINDOWS):
        yield series[i][0], statistics.fmean(values[i:i + width])


def multiple(term: Series, whole: Series) -> float | None:
    """How many times the plain mean that the term was computed as the script's loss is at every step, so that it can stand for the term.

    A loss summed over 10 classes is 10 times the mean; None where it is more than a multiple.
    """
    values = dict(whole)
    if all(abs(values.get(step, math.inf) - value) <= 1e-3 * abs(value) + 1e-6 for step, value in term):
        return 1.0
    ratios = [values[step] / value for step, value in term if step in values and value > 1e-6]
    middle = statistics.median(ratios) if len(ratios) == len(term) >= 3 else 0.0
    return middle if middle > 0 and all(abs(ratio - middle) <= 1e-3 * middle for ratio in ratios) else None


def finite(series: Series) -> list[tuple[int, float]]:
    """The readings that are numbers."""
    return [(step, value) for step, value in series if math.isfinite(value)]


def window(series: Series) -> int:
    """How many readings make the beginning or the end."""
    return max(1, min(len(series) // 2, max(3, int(TAIL * len(series)))))


def level(values: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error."""
    mean = statistics.fmean(values)
    return mean, statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def certainty(series: Series) -> float:
    """How many standard errors the trend of a series lies from none; positive where it rises, 0 where too little is known."""
    slope, error = trend(series)
    return slope / max(error, 1e-12 * abs(slope)) if slope and error is not None else 0.0


def swing(series: Series) -> float:
    """The standard deviation of a series about its trend; 0 where fewer than three steps were read."""
    if len(series) < 3:
        return 0.0
    steps, values = [float(step) for step, _ in series], [value for _, value in series]
    slope, intercept = statistics.linear_regression(steps, values)
    return statistics.pstdev(y - slope * x - intercept for x, y in zip(steps, values, strict=True))


def lowest(series: Series) -> float | None:
    """The least mean of any window of readings; None where there are none."""
    return min((mean for _, mean in means(series)), default=None)


def trend(series: Series) -> tuple[float | None, float | None]:
    """The least-squares slope per 100 steps and its standard error; None where fewer than three steps were read."""
    if len(series) < 3:
        return None, None
    steps, values = [float(step) for step, _ in series], [value for _, value in series]
    slope, intercept = statistics.linear_regression(steps, values)
    residual = sum((y - slope * x - intercept) ** 2 for x, y in zip(steps, values, strict=True)) / (len(series) - 2)
    middle = statistics.fmean(steps)
    spread = sum((x - middle) ** 2 for x in steps)
    return 100 * slope, 100 * math.sqrt(residual / spread)
