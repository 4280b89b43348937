"""The calls of models that a loss is computed from: what went into the outermost modules, kept from a forward pass to the update."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks

from gradwell.watch.batch import changed, first_tensor, is_plain
from gradwell.watch.graph import Node

MOST = 4  # calls in one step that are remembered


@dataclass(frozen=True)
class Call:
    """One forward pass of an outermost module."""

    model: nn.Module
    inputs: tuple[tuple[Any, ...], dict[str, Any]]
    output: torch.Size  # of the first tensor that came out
    dtype: torch.dtype
    made: int  # the number that autograd gave to the operation it came from
    seconds: float  # that it took
    autocast: tuple[str, torch.dtype, bool]


Heard = tuple[int, "weakref.ref[nn.Module]", Callable[[nn.Module], Call]]  # a module that is let go is not kept for a look


class Calls:
    """Hears of the outermost modules' calls while it listens, through torch's own hooks; nothing of a graph is kept."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._handles: list[Any] = []
        self._outermost: tuple[nn.Module, float] | None = None
        self._thread = 0

    @property
    def listening(self) -> bool:
        """Whether calls are heard."""
        return bool(self._handles)

    def listen(self) -> None:
        """Hear of every call from now on."""
        self.heard, self._outermost, self._thread = [], None, threading.get_ident()
        self._handles = [hooks.register_module_forward_pre_hook(self._before),
                         hooks.register_module_forward_hook(self._after, with_kwargs=True)]

    def stop(self) -> None:
        """Hear of no more."""
        for handle in self._handles:
            handle.remove()
            hooks._global_forward_hooks_with_kwargs.pop(handle.id, None)  # which torch forgets, and then takes for a hook
        self._handles = []

    def made(self, order: Iterable[Node]) -> list[Call]:
        """The heard calls whose outputs are in a graph."""
        numbers = {node._sequence_nr() for node in order} if self.heard else set()
        return [call(model) for number, module, call in self.heard if number in numbers and (model := module()) is not None]

    def _before(self, module: nn.Module, _: Any) -> None:
        if self._outermost is None and threading.get_ident() == self._thread and not torch.compiler.is_compiling():
            self._outermost = module, time.perf_counter()

    def _after(self, module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        if self._outermost is None or self._outermost[0] is not module or threading.get_ident() != self._thread:
            return
        seconds, self._outermost = time.perf_counter() - self._outermost[1], None
        if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None or len(self.heard) >= MOST:
            return
        with contextlib.suppress(Exception):  # what cannot be read is not heard
            found = first_tensor(output)
            if found is not None and found.grad_fn is not None and found.device.type == "cpu" and is_plain((args, kwargs)):
                inputs = changed((tuple(args), dict(kwargs)), Tensor.detach)
                kind = found.device.type
                autocast = kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
                number = found.grad_fn._sequence_nr()
                about = partial(Call, inputs=inputs, output=found.shape, dtype=found.dtype, made=number, seconds=seconds, autocast=autocast)
                self.heard.append((number, weakref.ref(module), about))
