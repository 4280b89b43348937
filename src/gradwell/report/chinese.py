"""What the manual says in Chinese: one file in `zh` for each rule, and one for all signals."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from gradwell.doctor.rule import Rule
from gradwell.doctor.signal import Signal

FOLDER = files("gradwell.report").joinpath("zh")


@dataclass(frozen=True)
class Words:
    """A rule in Chinese: the fault's name, what is wrong, cause, remedy, and the unit of each threshold."""

    name: str
    about: str
    cause: str
    remedy: str
    thresholds: dict[str, str]

    @property
    def sentence(self) -> str:
        """What is wrong, in a sentence."""
        return self.about.strip().split("\n")[0]


def rule_words(rule: Rule) -> Words:
    """A rule in Chinese. Raises FileNotFoundError when it has none."""
    return Words(**read(f"{rule.code}.toml"))


def signal_words(signal: Signal) -> tuple[str, str, str]:
    """Where a signal is measured, its unit, and what it is, in Chinese. Raises KeyError when it has none."""
    found = read("signals.toml")[signal.name]
    return found["place"], found["unit"], found["about"]


@cache
def read(name: str) -> dict[str, Any]:
    """A file of words."""
    return tomllib.loads(FOLDER.joinpath(name).read_text("utf-8"))
