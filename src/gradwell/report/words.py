"""Numbers, places and evidence in words, the same in every output."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real

from gradwell.doctor.finding import Evidence, Finding, Where

FEW = 6  # values of a list that are written out; of a longer one only its two ends


def plain(text: object) -> str:
    """Text on one line in which everything that cannot be printed, such as a terminal's control codes, becomes a question mark."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))


def count(number: int, noun: str) -> str:
    """A number and its noun: 1 rule, 20 rules."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def number(value: float | Real, digits: int = 3) -> str:
    """A number with `digits` significant digits; a count in full."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    real = float(value)
    if 1000 <= abs(real) < 1e6 and digits == 3:
        return f"{real:,.0f}"
    mantissa, _, exponent = (f"{real:.{digits - 1}e}" if 0 < abs(real) < 1e-3 else f"{real:.{digits}g}").partition("e")
    return f"{float(mantissa):.{digits}g}e{int(exponent)}" if exponent else mantissa


def percent(share: float) -> str:
    """A share in percent."""
    return f"{number(100 * share)} %"


def value(item: object) -> str:
    """A piece of evidence in a few words; empty where it is a table, which has no place in a line."""
    if item is None:
        return "not known"
    if isinstance(item, Real):
        return number(item)
    if isinstance(item, Mapping):
        return ends([f"{plain(key)} {value(inner)}" for key, inner in item.items()])
    if isinstance(item, Sequence) and not isinstance(item, str):
        return sequence(item)
    return plain(item)


def sequence(items: Sequence[object]) -> str:
    """A list in a few words; pairs of numbers are read as readings, each with its step."""
    if any(isinstance(item, Mapping) for item in items):
        return ""
    if items and all(isinstance(i, Sequence) and len(i) == 2 and isinstance(i[0], Integral) and isinstance(i[1], Real) for i in items):
        words = [f"{value(item[1])} at step {value(item[0])}" for item in items if isinstance(item, Sequence)]
        return " ... ".join(words if len(words) <= 2 else (words[0], words[-1]))
    return ends([value(item) for item in items])


def ends(words: Sequence[str]) -> str:
    """A list, or the two ends of a long one."""
    if len(words) <= FEW:
        return ", ".join(words) or "none"
    return f"{words[0]}, {words[1]} ... {words[-1]} ({len(words)} in all)"


def facts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """The evidence as labels and short texts, without tables."""
    for key, item in evidence.items():
        if text := value(item):
            yield plain(key).replace("_", " "), text


def place(where: Where) -> str:
    """The module that a finding is about."""
    return plain(where)


def source(where: Where) -> str:
    """File and line of a place, the file as seen from the current folder if it lies below it; empty where unknown."""
    if not where.file:
        return ""
    here = os.path.join(os.getcwd(), "")
    return plain(where.file.removeprefix(here) + (f":{where.line}" if where.line is not None else ""))


def consequences(finding: Finding) -> Iterator[Finding]:
    """All findings that a finding explains, directly or through another one."""
    for below in finding.explains:
        yield below
        yield from consequences(below)
