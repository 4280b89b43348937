"""Reports made by hand: a deep sigmoid network that learns nothing, and a run in which nothing is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from gradwell.doctor import signals
from gradwell.doctor.finding import Finding, Severity, Where
from gradwell.doctor.judge import Verdict, ranked
from gradwell.doctor.learned import learned
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Kind, Rule
from gradwell.doctor.run import Run
from gradwell.doctor.signal import Signal
from gradwell.report.data import Report

HOSTILE = "<script>alert(1)</script>[bold]net\x1b[31m"
STEPS = range(0, 450, 5)


@dataclass(frozen=True)
class Sign(Rule):
    """Early layers cannot learn, since `little` gradient reaches them."""

    code: ClassVar[str] = "GW201"
    name: ClassVar[str] = "vanishing-gradient"
    kind: ClassVar[Kind] = "warning"
    signals: ClassVar[tuple[Signal, ...]] = (signals.ORDER, signals.DELTA, signals.ACTIVATION_GAIN, signals.WEIGHT_GAIN)
    cause: ClassVar[str] = "Each sigmoid multiplies the gradient by at most 0.25."
    remedy: ClassVar[str] = "Use `nn.ReLU()` with He initialisation, or put normalisation between the layers."
    source: ClassVar[str] = "Glorot and Bengio 2010"

    def check(self, record: Record) -> Iterator[Finding]:
        """Finds nothing."""
        yield from ()

    def example(self, sick: bool) -> Run:
        """Has no example."""
        raise NotImplementedError


def measured(layers: int, sick: bool) -> Record:
    record = Record.create()
    record.note("script", "train.py --lr 1")
    record.note("steps", 450)
    record.note("overhead", {"share": 0.021, "seconds": 0.42, "run_seconds": 20.1, "samples": len(STEPS), "budget": 0.03})
    names = [f"net.{2 * i}" for i in range(layers)]
    loss = record.site("loss", "loss", "nll", "train.py", 40)
    record.fact(signals.CHAIN.name, loss, 0, {"operations": ["LogSoftmax"]})
    data = record.site("input", names[0], "data", "train.py", 12)
    sites = [(record.site("layer", name, "Linear", "train.py", 12 + i), record.site("activation", name, "sigmoid", "train.py", 12 + i),
              record.site("parameter", f"{name}.weight", "Linear", "train.py", 12 + i)) for i, name in enumerate(names)]
    record.fact(signals.ORDER.name, 0, 0, [layer for layer, _, _ in sites])
    for step in STEPS:
        wave = math.sin(step / 9)
        record.add(signals.TERM_LOSS.name, loss, step, 2.31 + 0.02 * wave if sick else 2.3 * math.exp(-step / 90) + 0.01)
        record.add(signals.TRIVIAL_LOSS.name, loss, step, 2.3)
        record.add(signals.INPUT_OFFSET.name, data, step, 0.4)
        record.add(signals.INPUT_WIDEST.name, data, step, 1.1 + 0.01 * wave)
        record.fact(signals.INPUT_RANGE.name, data, step, [-2.5, 3.0 + wave])
        for i, (layer, activation, parameter) in enumerate(sites):
            factor = 0.24 if sick else 0.9
            record.add(signals.WEIGHT_GAIN.name, layer, step, 0.6 + 0.1 * wave) if i else None
            record.add(signals.DELTA.name, layer, step, factor ** (layers - i))
            record.add(signals.ACTIVATION_GAIN.name, activation, step, factor * (1 + 0.1 * wave))
            record.add(signals.ACTIVATION_MEAN.name, activation, step, 0.5 + 0.02 * i * wave)
            record.add(signals.ACTIVATION_STD.name, activation, step, 0.2 * 0.6**i)
            record.add(signals.SATURATED_SHARE.name, activation, step, min(1.0, i / layers * step / 450))
            record.add(signals.UPDATE_RATIO.name, parameter, step, 1e-2 * factor ** (layers - i) * (1.2 + wave))
    record.flush()
    return record


def finding(code: str, name: str, severity: Severity, module: str, **other: object) -> Finding:
    evidence: dict[str, object] = {"share": 0.9712, "examples": 12_000, "pairs": [(0, 0.0), (5, 0.5), (29, 1.0)], "worst": float("nan")}
    made = Finding(code, name, severity, f"97 % of {module} is not what it should be.", Where(module, "Linear", "train.py", 12), 5, 440,
                   evidence, "The learning rate of 1 threw the biases below zero.", "Call `model.train()` and lower the rate to 0.1.")
    return replace(made, **other)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def sick() -> Report:
    record = measured(layers=10, sick=True)
    record.note("probes_off", {"memory": "OverflowError: too large"})
    record.note("unseen", ["a compiled region could not be looked into"])
    gains = [{"layer": f"net.{2 * i} (Linear)", "weights": 0.59 if i else None, "activation": 0.24, "normalization": 1.0,
              "gradient": 0.24 ** (30 - i)} for i in range(30)]
    below = finding("GW105", "signal-collapse", "warning", "net.8", explains=(finding("GW605", "input-ignored", "note", "net.18"),))
    findings = [
        finding("GW201", "vanishing-gradient", "warning", "net.0", title="The first layer moves 1e-5 times as far as the last.",
                evidence={"first / last": 1.2e-5, "gains": gains}, explains=(below,)),
        finding("GW405", "train-in-eval-mode", "error", "model", where=Where("model"), explains=()),
        finding("GW101", "dead-relu", "warning", HOSTILE, cause=f"It is {HOSTILE}."),
        *(finding("GW601", "unscaled-input", "note", f"net.{i}") for i in (2, 4, 6, 8)),
    ]
    return Report(record, Verdict(tuple(ranked(findings)), (Sign(),), learned(record)), ("process 1 wrote a record of its own",))


@pytest.fixture(scope="session")
def long() -> Report:
    record = measured(layers=300, sick=True)
    return Report(record, Verdict((), (Sign(),), learned(record)))


@pytest.fixture(scope="session")
def well() -> Report:
    record = measured(layers=3, sick=False)
    return Report(record, Verdict((), (Sign(),) * 20, learned(record)))
