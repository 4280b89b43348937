"""Knobs by name, as they are typed on a command line or in a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args, get_origin, get_type_hints

from gradwell.errors import OptionError
from gradwell.lab.experiment import Experiment

MOST = 1e300  # of any knob


@dataclass(frozen=True)
class Least:
    """In a knob's hint: the smallest value it can have. Without it, counts begin at 1 and other numbers at 0."""

    value: float


@dataclass(frozen=True)
class Knob:
    """One thing an experiment depends on."""

    name: str
    kind: type  # of the value, or of each value of a list
    several: bool
    unit: str
    least: float
    value: Any

    @property
    def text(self) -> str:
        """The value as it is typed."""
        return spelled(self.value)


def spelled(value: Any) -> str:
    """A knob's value as it is typed."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def knobs(experiment: Experiment) -> list[Knob]:
    """The knobs of an experiment, with their values."""
    hints = get_type_hints(type(experiment), include_extras=True)
    return [knob(field.name, hints[field.name], getattr(experiment, field.name)) for field in fields(experiment)]


def knob(name: str, hint: Any, value: Any) -> Knob:
    """The knob that a field's hint describes: Annotated[int, "units"], Annotated[tuple[int, ...], "steps"]."""
    kind, unit, *more = get_args(hint)
    several = get_origin(kind) is tuple
    one = get_args(kind)[0] if several else kind
    least = next((mark.value for mark in more if isinstance(mark, Least)), 1 if one is int else 0)
    return Knob(name, one, several, unit, least, value)


def turned(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """The experiment with other values of some knobs.

    Raises OptionError when it has no such knob or the value is not possible.
    """
    known = {one.name: one for one in knobs(experiment)}
    for name, value in values.items():
        if name not in known:
            raise OptionError(f"{experiment.id} has no knob {name!r}; its knobs are {', '.join(known) or 'none'}")
        for each in value if known[name].several else [value]:
            check(known[name], each)
    return replace(experiment, **values)


def check(one: Knob, value: Any) -> None:
    """Raise OptionError when a knob cannot have this value."""
    if one.kind in (int, float) and not (one.least <= value <= MOST):
        raise OptionError(f"knob {one.name} ({one.unit}) must be at least {one.least:g} and finite, not {str(value)[:40]}")


def typed(experiment: Experiment, words: Iterable[str]) -> Experiment:
    """The experiment with knobs turned as typed: hidden=64, lengths=10,20,40.

    Raises OptionError for what is no knob, or no value of it.
    """
    known = {one.name: one for one in knobs(experiment)}
    values = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise OptionError(f"{word!r} turns no knob; write NAME=VALUE. The knobs of {experiment.id} are {', '.join(known) or 'none'}")
        values[name] = value(known[name], text) if name in known else text
    return turned(experiment, values)


def value(one: Knob, text: str) -> Any:
    """A knob's value from its text."""
    parts = tuple(single(one, part.strip()) for part in (text.split(",") if one.several else [text]))
    return parts if one.several else parts[0]


def single(one: Knob, text: str) -> Any:
    """A single value from its text."""
    if one.kind is bool:
        if text.lower() in ("true", "false", "yes", "no"):
            return text.lower() in ("true", "yes")
        raise OptionError(f"knob {one.name} is yes or no, not {text!r}")
    try:
        return one.kind(text)
    except ValueError:
        what = "a whole number" if one.kind is int else "a number"
        raise OptionError(f"knob {one.name} ({one.unit}) takes {what}, not {text!r}") from None
