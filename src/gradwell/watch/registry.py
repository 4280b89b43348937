"""Whose parameter is this? Names and source lines of every module, kept by weak reference from the moment it is built."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules import module as hooks

from gradwell.watch.shards import is_fsdp
from gradwell.watch.source import user_line

WRAPPED = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}  # what torch's own wrappers call what they wrap
RESCANS = 5  # searches of the whole heap for modules that were copied or unpickled, and so never announced themselves


@dataclass(frozen=True)
class Named:
    """A parameter's or module's name in the user's model."""

    module: str
    type: str
    file: str | None = None
    line: int | None = None
    parameter: str = ""


class Registry:
    """The modules of a run. `watch` announces what is built; what was built earlier is handed in or found on demand."""

    def __init__(self) -> None:
        self._lines: weakref.WeakKeyDictionary[nn.Module, tuple[str | None, int | None]] = weakref.WeakKeyDictionary()
        self._parents: weakref.WeakKeyDictionary[nn.Module, tuple[weakref.ref[nn.Module], str]] = weakref.WeakKeyDictionary()
        self._owners: dict[int, tuple[weakref.ref[Any], weakref.ref[nn.Module], str]] = {}
        self._gone: dict[int, Named] = {}
        self._born: dict[int, int] = {}
        self._unnamed: dict[int, int] = {}
        self._rescans = 0
        self.age = 0  # how many parameters have been announced
        self._handles: list[Any] = []

    def install(self) -> None:
        """Begin to listen to what is built."""
        self._handles = [hooks.register_module_parameter_registration_hook(self._on_parameter),
                         hooks.register_module_module_registration_hook(self._on_module)]

    def remove(self) -> None:
        """Stop listening."""
        for handle in self._handles:
            handle.remove()

    def add(self, root: nn.Module) -> None:
        """Learn the names of a model that was built before."""
        for module in root.modules():
            for name, child in module._modules.items():
                if child is not None and child not in self._parents:
                    self._parents[child] = weakref.ref(module), name
            for name, parameter in module._parameters.items():
                if parameter is not None and ((known := self._owners.get(id(parameter))) is None or known[0]() is not parameter):
                    self._own(module, name, parameter, born=0)

    def _on_parameter(self, module: nn.Module, name: str, parameter: Any) -> None:
        if parameter is not None and not torch.compiler.is_compiling():
            self._lines.setdefault(module, user_line())
            self._own(module, name, parameter, born=self.age + 1)

    def _on_module(self, parent: nn.Module, name: str, child: Any) -> None:
        if child is not None and not torch.compiler.is_compiling():
            self._lines.setdefault(child, user_line())
            self._lines.setdefault(parent, self._lines[child])
            self._parents[child] = weakref.ref(parent), name

    def _own(self, module: nn.Module, name: str, parameter: Any, born: int) -> None:
        if len(self._owners) > 10_000:  # layers built anew in every forward pass leave dead entries behind
            self._owners = {key: entry for key, entry in self._owners.items() if entry[0]() is not None}
            self._gone = {key: named for key, named in self._gone.items() if key in self._owners}
        self._owners[id(parameter)] = weakref.ref(parameter), weakref.ref(module), name
        self._gone[id(parameter)] = Named(kind(module), kind(module), *self.line(module), name)
        self._born[id(parameter)] = born  # 0 where that is not known
        self.age = max(self.age, born)

    def standing(self, parameter: Any, optimizer_age: int, roots: list[nn.Module]) -> str:
        """Why no optimizer holds a parameter of these `roots`' run: `late` (put into a model after its optimizer was built, or built for
        one forward pass only), `hidden` (its module lies in a plain list or dict of the model), `left out` (its model was given without
        it) or `apart` (its model was given to none).
        """
        owned = self.owner(parameter)
        if owned is None:
            return "late" if self.is_gone(parameter) and self._born[id(parameter)] > optimizer_age else "apart"
        root = self.root(owned[0])
        if any(root is known for known in roots):
            return "late" if self._born.get(id(parameter), 0) > optimizer_age else "left out"
        return "hidden" if any(holds(module, root) for known in roots for module in known.modules()) else "apart"

    def is_gone(self, parameter: Any) -> bool:
        """Whether the module that a parameter was built in exists no more."""
        entry = self._owners.get(id(parameter))
        return entry is not None and entry[0]() is parameter and entry[1]() is None

    def owner(self, parameter: Any) -> tuple[nn.Module, str] | None:
        """The module that holds a parameter, and its name there."""
        entry = self._owners.get(id(parameter))
        module = entry[1]() if entry is not None and entry[0]() is parameter else None
        now = module._parameters.get(entry[2]) if entry is not None and module is not None else None
        if entry is None or module is None or (now is not parameter and not is_gathered(parameter, now)):
            if self._rescans >= RESCANS or not isinstance(parameter, nn.Parameter) or self.is_gone(parameter):
                return None
            self._rescans += 1
            for module in [found for found in gc.get_objects() if issubclass(type(found), nn.Module)]:
                if "_modules" in module.__dict__:
                    self.add(module)
            entry = self._owners.get(id(parameter))
            if entry is None or entry[0]() is not parameter or (module := entry[1]()) is None:
                return None
        return module, entry[2]

    def ancestors(self, module: nn.Module) -> Iterator[tuple[nn.Module, str]]:
        """The modules above a module, each with the name of the branch below it, up to the root."""
        while (link := self._parents.get(module)) is not None and (parent := link[0]()) is not None:
            if parent._modules.get(link[1]) is not module:  # it was replaced or moved since
                return
            yield parent, link[1]
            module = parent

    def root(self, module: nn.Module) -> nn.Module:
        """The outermost module that holds a module."""
        above = [parent for parent, _ in self.ancestors(module)]
        return above[-1] if above else module

    def name(self, parameter: Any, many: bool = False) -> Named:
        """The name of a parameter's module; with `many` roots the root's class comes first."""
        owned = self.owner(parameter)
        if owned is None and self.is_gone(parameter):
            return self._gone[id(parameter)]
        if owned is None:
            number = self._unnamed.setdefault(id(parameter), len(self._unnamed))
            return Named(f"tensor{number}", "x".join(map(str, parameter.shape)))
        module, own = owned
        if isinstance(module, nn.ParameterDict) and "/" in own:
            return self._of_keras(module, own)
        path = [name for parent, name in self.ancestors(module) if name not in WRAPPED and not is_parallel(parent)][::-1]
        root = self.root(module)
        if many or not path:
            path.insert(0, kind(root))
        file, line = self.line(module)
        return Named(".".join(path), kind(module), file, line, own)

    def _of_keras(self, weights: nn.ParameterDict, path: str) -> Named:
        """The name of a weight of Keras's, which keeps all of a model in one dictionary by their paths: `sequential/dense/kernel`."""
        layers, _, own = path.rpartition("/")
        root = self.root(weights)
        every: Iterable[Any] = getattr(root, "_flatten_layers", list)()
        layer = next((layer for layer in every if getattr(layer, "path", None) == layers), weights)
        named = layers.removeprefix(f"{getattr(root, 'name', '')}/").replace("/", ".")
        return Named(named, type(layer).__name__, *self.line(layer if layer in self._lines else weights), own)

    def line(self, module: nn.Module) -> tuple[str | None, int | None]:
        """Where the user built a module."""
        return self._lines.get(module, (None, None))

    def files(self) -> set[str | None]:
        """The files in which modules were built."""
        return {file for file, _ in list(self._lines.values())}

    def roots(self, parameters: list[Any]) -> list[nn.Module]:
        """The outermost modules that hold these parameters, in order."""
        found: dict[int, nn.Module] = {}
        for parameter in parameters:
            owned = self.owner(parameter)
            if owned is not None:
                root = self.root(owned[0])
                found.setdefault(id(root), root)
        return list(found.values())


def is_parallel(module: nn.Module) -> bool:
    """Whether a module only spreads another one over devices or processes."""
    return isinstance(module, (nn.parallel.DistributedDataParallel, nn.DataParallel))


def is_gathered(shard: Any, now: Any) -> bool:
    """Whether what stands in a sharded weight's place is the whole weight, as between FSDP's forward and backward pass."""
    return now is not None and hasattr(shard, "to_local") and not hasattr(now, "to_local")


def unwrapped(module: nn.Module) -> nn.Module:
    """The model that a module only spreads over devices or processes, or the module itself."""
    return cast(nn.Module, module.module) if is_parallel(module) else module


def kind(module: nn.Module) -> str:
    """The name of a module's own class, which DDP wraps and `fully_shard` puts another one before."""
    classes = type(unwrapped(module)).__mro__
    return classes[getattr(classes[0], "_orig_cls_mro_index", 2) if is_fsdp(unwrapped(module)) else 0].__name__


def holds(module: nn.Module, other: nn.Module) -> bool:
    """Whether a module keeps another in a plain container, where its parameters are not seen."""
    kept = [value for name, value in vars(module).items() if not name.startswith("_")]
    kept += [inner for value in kept if isinstance(value, dict) for inner in value.values()]
    return any(value is other or (isinstance(value, (list, tuple)) and any(item is other for item in value)) for value in kept)
