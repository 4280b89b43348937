"""All rules there are: every module in `rules` holds one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from functools import cache

from gradwell.doctor import rules
from gradwell.doctor.rule import Rule
from gradwell.errors import RuleError


@cache
def catalogue() -> tuple[Rule, ...]:
    """Every rule with its default thresholds, by code."""
    modules = (importlib.import_module(f"{rules.__name__}.{found.name}") for found in pkgutil.iter_modules(rules.__path__))
    classes = [kind for module in modules for kind in vars(module).values()
               if inspect.isclass(kind) and issubclass(kind, Rule) and kind.__module__ == module.__name__]
    return tuple(sorted((kind() for kind in classes), key=lambda rule: rule.code))


def rule(code: str) -> Rule:
    """The rule of a code (`GW101`) or a name (`dead-relu`).

    Raises RuleError when there is none.
    """
    for candidate in catalogue():
        if code.upper() == candidate.code or code.lower() == candidate.name:
            return candidate
    raise RuleError(f"there is no rule {code!r}; the rules are {', '.join(r.code for r in catalogue())}")


def select(only: Iterable[str] = (), ignore: Iterable[str] = ()) -> tuple[Rule, ...]:
    """The rules whose codes begin with one of `only` (all, if it is empty) and with none of `ignore`; names serve as well.

    Raises RuleError when a code or name fits no rule.
    """
    wanted, unwanted = set(matching(only)), set(matching(ignore))
    return tuple(r for r in catalogue() if (not wanted or r.code in wanted) and r.code not in unwanted)


def matching(words: Iterable[str]) -> Iterable[str]:
    """The codes that each word stands for."""
    for word in words:
        found = [r.code for r in catalogue() if r.code.startswith(word.upper()) or r.name == word.lower()]
        if not word or not found:
            raise RuleError(f"no rule has the code or name {word!r}; the rules are {', '.join(r.code for r in catalogue())}")
        yield from found
