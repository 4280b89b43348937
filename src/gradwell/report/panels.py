"""What was measured, apart from any finding: gains, activations, updates and inputs, layer by layer."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from gradwell.doctor import signals
from gradwell.doctor.record import Record, Site
from gradwell.doctor.signal import Signal
from gradwell.report.cards import gain_figure
from gradwell.report.charts import labels, strips
from gradwell.report.gains import from_record
from gradwell.report.markup import e, figure, folded, grid, section, table
from gradwell.report.scale import GAINS, SHARES, UPDATES, Series, signed
from gradwell.report.words import number, plain, value

FACTORS = (("layer", signals.WEIGHT_GAIN), ("activation", signals.ACTIVATION_GAIN), ("normalization", signals.NORMALIZATION_GAIN))


def panels(record: Record) -> str:
    """All measurements of the run, section by section."""
    return "".join((
        section("Gradients, layer by layer", grid(gradients(record))),
        section("Activations, layer by layer", grid(activations(record))),
        section("Inputs", inputs(record)),
    ))


def gradients(record: Record) -> Iterator[str]:
    """How each layer scales the gradient over time, which factor does it, and how far each parameter moves."""
    layers = record.sites("layer")
    rows = [(name, product(record, site)) for name, site in zip(labels(layers), layers, strict=True)]
    yield strips("Gain", "The factor by which each layer with its activation scales the gradient on its way back.", rows, GAINS)
    yield strips("Update size", "One update relative to the weights it changes.", of(record, signals.UPDATE_RATIO, "parameter"), UPDATES)
    if gains := from_record(record):
        yield folded("Which factor does it: medians over the run", gain_figure(gains, "Factors of the gain"))


def activations(record: Record) -> Iterator[str]:
    """What comes out of each activation over time."""
    means = of(record, signals.ACTIVATION_MEAN, "activation")
    most = max((abs(v) for _, points in means for _, v in points if math.isfinite(v)), default=1.0)
    yield strips("Mean", "The mean output.", means, signed(most))
    yield strips("Spread", "The standard deviation of the output.", of(record, signals.ACTIVATION_STD, "activation"), GAINS)
    yield strips("Zeros", "The share of outputs that are exactly zero.", of(record, signals.ZERO_SHARE, "activation"), SHARES)
    yield strips("Saturation", "The share of outputs at an end of the range.", of(record, signals.SATURATED_SHARE, "activation"), SHARES)


def of(record: Record, signal: Signal, kind: str) -> list[tuple[str, Series]]:
    """The readings of a signal at every place of a kind."""
    sites = record.sites(kind)
    names = [plain(site.module) for site in sites] if kind == "parameter" else labels(sites)
    return [(name, record.series(signal.name, site)) for name, site in zip(names, sites, strict=True)]


def product(record: Record, layer: Site) -> Series:
    """The whole gain of a layer: the product of its factors, step by step, as far as they are known."""
    whole: dict[int, float] = defaultdict(lambda: 1.0)
    for kind, signal in FACTORS:
        for site in record.sites(kind):
            if site is layer or (kind != "layer" and site.module == layer.module):
                for step, gain in record.series(signal.name, site):
                    whole[step] *= gain
    return sorted(whole.items())


def inputs(record: Record) -> str:
    """The size of the data, at the first and the last look."""
    sites = record.sites("input")
    columns = (("mean / std", signals.INPUT_OFFSET), ("std", signals.INPUT_WIDEST), ("std ratio", signals.INPUT_SCALES))
    rows = [[f"into {e(name)}", *(ends(record.series(signal.name, site)) for _, signal in columns), extent(record, site)]
            for name, site in zip(labels(sites), sites, strict=True)]
    about = ("|mean| / std and std, each of the feature where it is largest; std ratio: the largest over the smallest std of the "
             "features; range: of all values. At the first and the last look.")
    return figure("Data", about, table(("", *(name for name, _ in columns), "range"), rows, "data")) if rows else ""


def ends(series: Sequence[tuple[int, float]]) -> str:
    """The first and the last reading."""
    if not series:
        return "-"
    first, last = number(series[0][1]), number(series[-1][1])
    return first if first == last else f"{first} &rarr; {last}"


def extent(record: Record, site: Site) -> str:
    """The smallest and the largest value that was seen at a place."""
    ranges = [fact for _, fact in record.facts(signals.INPUT_RANGE.name, site)]
    return e(f"{value(min(low for low, _ in ranges))} to {value(max(high for _, high in ranges))}") if ranges else "-"
