"""All experiments there are: every module in `experiments` holds one."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from functools import cache

from gradwell.errors import OptionError
from gradwell.lab import experiments
from gradwell.lab.experiment import Experiment


@cache
def catalogue() -> tuple[Experiment, ...]:
    """Every experiment with its default knobs, in the order of the field guide's questions."""
    modules = (importlib.import_module(f"{experiments.__name__}.{found.name}") for found in pkgutil.iter_modules(experiments.__path__))
    classes = [kind for module in modules for kind in vars(module).values()
               if inspect.isclass(kind) and issubclass(kind, Experiment) and kind.__module__ == module.__name__]
    return tuple(sorted((kind() for kind in classes), key=lambda one: (one.question, one.id)))


def experiment(name: str) -> Experiment:
    """The experiment of this id.

    Raises OptionError when there is none.
    """
    known = {one.id: one for one in catalogue()}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise OptionError(f"the lab has no claim {name!r}{hint} `gradwell lab` lists the {len(known)} there are")
    return known[name]
