"""What is read of each loss: its value at every step, and on sampled steps its kind, its path and the trivial predictor's loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import logarithms, loss
from gradwell.watch.answers import Answers
from gradwell.watch.graph import Node, operation
from gradwell.watch.origins import Line, Origins
from gradwell.watch.targets import Targets
from gradwell.watch.trivial import TrivialPredictor

Put = Callable[[str, int, int, Tensor], None]


class Losses:
    """Knows each loss again by the line on which backward() was called and by its place in the sum."""

    def __init__(self, record: Record, put: Put, origins: Origins) -> None:
        self._record, self._put, self._origins = record, put, origins
        self._sites: dict[tuple[Line, int, str], int] = {}
        self._first: dict[Line, int] = {}
        self._trivial: dict[int, TrivialPredictor] = {}
        self._facts: dict[int | str, Any] = {}
        self._targets = Targets(put)
        self.answers = Answers(record, put)

    def site(self, line: Line, index: int, kind: str, node: Node = None) -> int:
        """The site of one term of the loss on a line; with its node, it is told where it was computed."""
        key = line, index, kind
        if key not in self._sites:
            self._sites[key] = self._record.site("loss", "loss", kind, *self._origins.line(node, line))
            self._first.setdefault(line, self._sites[key])
        return self._sites[key]

    def knows(self, line: Line) -> bool:
        """Whether the loss on a line was looked at before."""
        return line in self._first

    def number(self, value: float, line: Line, step: int) -> None:
        """Note the value that backward() was called on, where it is at hand."""
        self._record.add(signals.LOSS.name, self._first.get(line) or self.site(line, 0, "loss"), step, value)

    def value(self, value: Tensor, line: Line, step: int) -> None:
        """Note the value that backward() was called on."""
        self._put(signals.LOSS.name, self._first.get(line) or self.site(line, 0, "loss"), step, value.detach())

    def look(self, root: Node, line: Line, step: int) -> None:
        """Read the terms of a loss from its graph, before the backward pass frees it."""
        found = loss.terms(root)
        if not found and line not in self._first:
            self.site(line, 0, operation(root), root)
        for index, term in enumerate(found[:8]):
            site = self.site(line, index, term.loss, term.node)
            facts = term.facts()
            if self._facts.get(site) != facts:
                self._facts[site] = facts
                self._record.fact(signals.CHAIN.name, site, step, facts)
            self._targets.look(term, site, step)
            self.answers.look(term, site, step)
            measured = loss.measure(term, self._trivial.setdefault(site, TrivialPredictor()))
            if measured is not None:
                self._put(signals.TERM_LOSS.name, site, step, measured[0])
                self._put(signals.TRIVIAL_LOSS.name, site, step, measured[1])
        self._look_at_logarithms(root, self._first[line], step)

    def _look_at_logarithms(self, root: Node, site: int, step: int) -> None:
        """Note what the logarithms in the loss are taken of, and how near to 0 that came."""
        found = logarithms.logarithms(root)[:8]
        for index, one in enumerate(found):
            facts, key = one.facts(), f"{site} {index}"
            if self._facts.get(key) != facts:
                self._facts[key] = facts
                self._record.fact(signals.LOGARITHM.name, site, step, facts)
        for signal, number in logarithms.measure(found):
            self._put(signal.name, site, step, number)
