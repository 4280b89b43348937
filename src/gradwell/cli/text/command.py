"""What a command of `gradwell text` is: its flags, its positions, its words of help, and the function that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Given = dict[str, Any]


@dataclass(frozen=True)
class Flag:
    """A flag as it is typed, `-name VALUE`; of kind bool it takes no value, of kind list it takes several."""

    name: str
    meaning: str
    default: Any = None
    kind: type = str
    metavar: str = ""

    @property
    def value(self) -> str:
        """What stands after the flag, as the help shows it."""
        return "" if self.kind is bool else self.metavar or {int: "N", float: "NUMBER"}.get(self.kind, "TEXT")


@dataclass(frozen=True)
class Command:
    """A command: `run(positions, given)` gets the values without a flag, and by name those with one; it returns the exit status."""

    name: str
    summary: str
    run: Callable[[list[str], Given], int]
    positions: tuple[str, ...] = ()  # such as MODEL or [K]; those in brackets may be left out
    groups: Mapping[str, tuple[Flag, ...]] = field(default_factory=dict)
    ignored: tuple[Flag, ...] = ()  # flags that fastText accepts here, too, and that change nothing
    required: tuple[str, ...] = ()  # flags that cannot be left out
    notes: str = ""

    @property
    def flags(self) -> dict[str, Flag]:
        """All flags that can be given, by name."""
        return {flag.name: flag for flags in (*self.groups.values(), self.ignored) for flag in flags}
