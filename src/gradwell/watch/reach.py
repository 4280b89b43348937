"""How far the gradient reaches: which held weights no loss ever sends one to, and which modules ran in training all the same."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import sample
from gradwell.watch.optimizers import Optimizers, is_uniform, parameters
from gradwell.watch.registry import Registry

STEPS = 3  # steps after an optimizer was built during which modules are noted as they run
EARLY = 32  # looks that are taken at an optimizer's first updates, whether they are sampled or not
LOOKS = 3  # looks at an optimizer's weights, after which what was never reached is told for the first time


@dataclass
class State:
    """What is known of one optimizer's weights: how often they were looked at, and the ids of those that a gradient reached."""

    looks: int = 0
    reached: set[int] = field(default_factory=set)
    told: bool = False
    waiting: bool = True  # some weight was never reached


class Reach:
    """Compares the weights that optimizers hold with those that a gradient has reached in any look of the run."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._ran: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
        self._states: weakref.WeakKeyDictionary[Any, State] = weakref.WeakKeyDictionary()
        self._leaves: set[int] = set()
        self._handle: Any = None
        self._left = 0
        self._never = False

    def arm(self) -> None:
        """Note the modules that run in the next few steps; a hook of torch tells of them."""
        self._left = STEPS
        if self._handle is None and not self._never:
            self._handle = hooks.register_module_forward_pre_hook(self._on_forward)

    def disarm(self, for_good: bool = False) -> None:
        """Hear of modules no more; `for_good` where models are compiled, since the compiler would take the hook for a part of them."""
        self._never = self._never or for_good
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def begin(self) -> None:
        """A step begins."""
        if self._handle is not None:
            self._left -= 1
            if self._left < 0:
                self.disarm()

    def _on_forward(self, module: nn.Module, _: object) -> None:
        if module.training and torch.is_grad_enabled() and not torch.compiler.is_compiling() and module._parameters:
            try:
                self._ran.setdefault(module, len(self._ran))
            except Exception:  # noqa: BLE001 - a module that cannot be told from others is left out
                self._never = True

    def leaves(self, found: Iterable[Any]) -> None:
        """Note the tensors that a loss will send a gradient to."""
        self._leaves.update(map(id, found))

    def wants(self, optimizer: Any) -> bool:
        """Whether an update is looked at that is not sampled: an optimizer's first ones, as long as some weight waits for a gradient."""
        state = self._states.get(optimizer)
        return state is None or (state.waiting and state.looks < EARLY)

    def look(self, optimizer: Any, optimizers: Optimizers, record: Record, step: int) -> None:
        """An optimizer is about to update its weights: note which of them have a gradient, and tell of those that never had one."""
        state = self._states.setdefault(optimizer, State())
        held = parameters(optimizer)
        state.looks += 1
        state.reached.update(id(p) for p in held if p.grad is not None or id(p) in self._leaves)
        self._leaves.clear()
        state.waiting = any(id(p) not in state.reached for p in held)
        if state.looks < LOOKS or (state.looks > LOOKS and state.looks & (state.looks - 1)):
            return
        if state.waiting or state.told:
            state.told = True
            self._tell(held, state, optimizers, record, step)

    def _tell(self, held: list[Any], state: State, optimizers: Optimizers, record: Record, step: int) -> None:
        owned: dict[int, tuple[nn.Module, list[Any]]] = {}
        for p in held:
            owner = self._registry.owner(p)
            if owner is not None:
                owned.setdefault(id(owner[0]), (owner[0], []))[1].append(p)
        roots: dict[int, tuple[nn.Module, list[dict[str, Any]]]] = {}
        for module, mine in owned.values():
            root = self._registry.root(module)
            trained = [p for p in mine if p.requires_grad]
            named = self._registry.name(mine[0])
            roots.setdefault(id(root), (root, []))[1].append({
                "module": named.module, "type": named.type, "file": named.file, "line": named.line, "ran": self._ran.get(module),
                "numbers": sum(p.numel() for p in mine), "frozen": not trained,
                "idle": sum(p.numel() for p in trained if id(p) not in state.reached),
                "reached": any(id(p) in state.reached for p in trained),
                "untrained": any(is_uniform(sample.flat(sample.local(p))) for p in mine if id(p) not in state.reached and p.numel()),
            })
        for root, modules in roots.values():
            record.fact(signals.REACH.name, optimizers.model(root), step, {"looks": state.looks, "modules": modules})
