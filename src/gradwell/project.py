"""What a project asks of Gradwell, once for all commands: the table `[tool.gradwell]` of its pyproject.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gradwell.doctor.catalogue import rule, select
from gradwell.doctor.finding import SEVERITIES
from gradwell.doctor.rule import Rule
from gradwell.errors import GradwellError, OptionError, RuleError, TargetError

FAIL_ON = (*SEVERITIES, "never")  # from which severity on a finding is a failure
KEYS = ("budget", "check", "fail-on", "ignore", "rules", "thresholds")


@dataclass(frozen=True)
class Project:
    """The table, checked; all is empty where there is none. What is given on a command line wins over it."""

    file: Path | None = None
    rules: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str | None = None
    budget: float | None = None
    check: tuple[str, ...] = ()
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def asked(self, rules: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
        """The rules to ask, with the project's thresholds, and in sentences what the table has changed.

        Rules that are named here are asked whatever the table says; what is ignored here replaces what the table ignores.

        Raises RuleError when a code or name fits no rule.
        """
        mine, without = ((), ()) if rules else (self.rules, () if ignore else self.ignore)
        chosen = tuple(replace(one, **self.thresholds.get(one.code, {})) for one in select(rules or mine, ignore or without))
        turned = [f"{one.code}.{name} = {value:g}" for one in chosen for name, value in self.thresholds.get(one.code, {}).items()]
        told = [f"{name} = {', '.join(words)}" for name, words in (("rules", mine), ("ignore", without)) if words] + turned
        return chosen, (f"[tool.gradwell] of {self.file} asks for {'; '.join(told)}",) if told else ()


def project(folder: Path | None = None) -> Project:
    """The table of the first pyproject.toml that has one, from the working directory (or a folder) upwards.

    Raises OptionError when a file cannot be read or a key or value is not possible, RuleError for a rule or threshold that does not exist.
    """
    start = (folder or Path.cwd()).absolute()
    for file in (above / "pyproject.toml" for above in (start, *start.parents)):
        if (table := table_of(file)) is not None:
            return checked(file, table)
    return Project()


def table_of(file: Path) -> Any:
    """The table in a file; None where there is no file or no table."""
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise OptionError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:  # also what is no UTF-8
        raise OptionError(f"{file} cannot be read as TOML: {error}") from error
    return tool.get("gradwell") if isinstance(tool, dict) else None


def checked(file: Path, table: Any) -> Project:
    """The table as a Project. Raises OptionError or RuleError, naming the file, the key and what is possible."""
    readers: dict[str, Callable[[Any], object]] = {
        "budget": share, "check": words, "fail-on": severity, "ignore": codes, "rules": codes, "thresholds": thresholds,
    }
    found: dict[str, Any] = {}
    if not isinstance(table, dict):
        raise OptionError(f"{file}: tool.gradwell must be a table with the keys {', '.join(KEYS)}")
    for key, value in table.items():
        if key not in KEYS:
            raise OptionError(f"{file}: [tool.gradwell] has no key {key!r}; its keys are {', '.join(KEYS)}")
        try:
            found[key.replace("-", "_")] = readers[key](value)
        except GradwellError as error:
            raise (RuleError if isinstance(error, RuleError) else OptionError)(f"{file}: {key} of [tool.gradwell]: {error}") from error
    return Project(file, **found)


def share(value: Any) -> float:
    """A share of 1, given as "3%" or 0.03."""
    return percentage(value if isinstance(value, str) else repr(value), "")


def percentage(text: str, option: str = "--budget ") -> float:
    """The share of 1 that `3%` or `0.03` stands for. Raises TargetError for anything else."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise TargetError(f"{option}{text} is no share of the run's time; give a percentage such as 3%, or a number from 0 to 1")
    return value


def words(value: Any) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise OptionError(f"{value!r} is no list of texts")
    return tuple(value)


def codes(value: Any) -> tuple[str, ...]:
    """A list of codes or names of rules, each of which fits a rule."""
    select(words(value))
    return words(value)


def severity(value: Any) -> str:
    """From which severity on a finding is a failure."""
    if value not in FAIL_ON:
        raise OptionError(f"{value!r} is not possible; say {', '.join(FAIL_ON[:-1])} or {FAIL_ON[-1]}")
    return str(value)


def thresholds(value: Any) -> dict[str, dict[str, float]]:
    """New thresholds by the code of their rule."""
    if not isinstance(value, dict) or not all(isinstance(inner, dict) for inner in value.values()):
        raise OptionError("they stand in tables of their own, such as [tool.gradwell.thresholds.GW101]")
    found: dict[str, dict[str, float]] = {}
    for one, inner in ((rule(word), inner) for word, inner in value.items()):  # by code or by name, perhaps by both
        found.setdefault(one.code, {}).update({name: threshold(one, name, new) for name, new in inner.items()})
    return found


def threshold(one: Rule, name: str, value: Any) -> float:
    """A new value of a threshold, of the kind that it has."""
    known: dict[str, type[float]] = {each.name: type(getattr(one, each.name)) for each in fields(one)}  # int or float
    if name not in known:
        raise RuleError(f"{one.code} has no threshold {name!r}; it has {', '.join(known) or 'none'}")
    least = 1 if known[name] is int else 0  # a count of none is nothing to judge by
    if isinstance(value, bool) or not isinstance(value, (int, known[name])) or not value >= least:
        kind = "a whole number of 1 or more" if known[name] is int else "a number, not below 0"
        raise OptionError(f"{one.code}.{name} is {value!r}; it must be {kind}")
    return known[name](value)
