"""How far the gradient reaches into each model, as the last look of the run found it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gradwell.doctor import signals
from gradwell.doctor.finding import Where
from gradwell.doctor.record import Record, Site

Module = dict[str, Any]


def reaches(record: Record) -> Iterator[tuple[Site, int, list[Module]]]:
    """Every model with the step of the last look and its modules: first those that ran, in that order, then the others."""
    for site in record.sites("model"):
        facts = list(record.facts(signals.REACH.name, site))
        for step, fact in facts:
            if step == facts[-1][0]:  # models of one class that were built on one line share a site
                yield site, step, sorted(fact["modules"], key=lambda m: (m["ran"] is None, m["ran"] or 0))


def cut(modules: list[Module]) -> tuple[list[Module], Module] | None:
    """The first modules of the forward pass, where none of them ever received a gradient, and the module at which the gradient ends."""
    ran = [module for module in modules if module["ran"] is not None and not module["frozen"]]
    last = max((at for at, module in enumerate(ran) if not module["reached"]), default=-1)
    if last < 0 or last + 1 == len(ran) or any(module["reached"] for module in ran[:last]):
        return None
    return ran[:last + 1], ran[last + 1]


def is_one_of_many(module: Module, modules: list[Module]) -> bool:
    """Whether a module is one of a numbered series (experts, heads, blocks) of which another one was reached."""
    pattern = re.sub(r"\d+", "#", module["module"])
    return any(other["reached"] and re.sub(r"\d+", "#", other["module"]) == pattern for other in modules)


def where(module: Module) -> Where:
    """The place of a module."""
    return Where(module["module"], module["type"], module["file"], module["line"])


def names(modules: list[Module]) -> str:
    """The first few names."""
    found = list(dict.fromkeys(module["module"] for module in modules))
    return ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
