"""Optimizers that are not torch's: Keras's and fastai's fire none of torch's hooks, so their own update methods are listened to.

A fastai optimizer has torch's `param_groups` and stands for itself; one of Keras's is shown with them. Both are patched when a backward
pass comes after their library was imported, so that nothing is imported for their sake.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch

Tell = Callable[[str, Any], None]
Patch = Callable[..., Callable[[], object]]


class Shown:
    """A Keras optimizer as it would look if it were torch's: its weights and its learning rate in one group."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = weakref.ref(optimizer)
        self._weights: list[weakref.ref[Any]] = []
        self.kind = type(optimizer).__name__

    def holding(self, variables: Any) -> Shown:
        """The same, with the variables that an update is about to change; without any, those that the optimizer was built with."""
        held = variables if variables is not None else getattr(self._optimizer(), "_trainable_variables", [])
        self._weights = [weakref.ref(variable.value) for variable in held if isinstance(variable.value, torch.nn.Parameter)]
        return self

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The one group. Keras's weight decay is left out: it spares weights of the user's choice."""
        weights = [weight for reference in self._weights if (weight := reference()) is not None]
        return [{"params": weights, "lr": float(getattr(self._optimizer(), "learning_rate", 0.0))}]


shown: weakref.WeakKeyDictionary[Any, Shown] = weakref.WeakKeyDictionary()


def keras(module: Any, patch: Patch, tell: Tell) -> Iterator[Callable[[], object]]:
    """Listen to Keras's optimizers. One that accumulates gradients is heard when it changes the weights, which it does every few calls."""

    def due(optimizer: Any, ahead: int) -> bool:
        every = getattr(optimizer, "gradient_accumulation_steps", None)
        return not torch.compiler.is_compiling() and (not every or (int(optimizer._iterations) + ahead) % every == 0)

    def before(optimizer: Any, _: Any = None, trainable_variables: Any = None, **__: Any) -> None:
        if optimizer not in shown:
            shown[optimizer] = Shown(optimizer)
            tell("on_optimizer", shown[optimizer].holding(trainable_variables))
        if due(optimizer, 1):
            tell("before_step", shown[optimizer].holding(trainable_variables))

    def after(_: Any, optimizer: Any, *__: Any, **___: Any) -> None:
        if optimizer in shown and due(optimizer, 0):
            tell("after_step", shown[optimizer])

    yield patch(module.BaseOptimizer, "apply", careful(after, tell), careful(before, tell))


def fastai(module: Any, patch: Patch, tell: Tell) -> Iterator[Callable[[], object]]:
    """Listen to fastai's own optimizers; those of torch that it wraps are heard by torch's hooks."""
    yield patch(module.Optimizer, "step", careful(lambda _, optimizer, *__, **___: tell("after_step", optimizer), tell),
                careful(lambda optimizer, *_, **__: tell("before_step", optimizer), tell))


def careful(listen: Callable[..., object], tell: Tell) -> Callable[..., None]:
    """Let what listens to another library fail without disturbing the run: a later version may be made otherwise."""

    def heard(*args: Any, **kwargs: Any) -> None:
        try:
            listen(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here, the user's run goes on
            tell("on_trouble", error)

    return heard


KINDS = {"keras.src.optimizers.base_optimizer": keras, "fastai.optimizer": fastai}


def newly_imported(known: set[str]) -> Iterator[tuple[Any, Callable[[Any, Patch, Tell], Iterator[Callable[[], object]]]]]:
    """The modules of these libraries that have been imported since, with what listens to them."""
    for name, listen in KINDS.items():
        if name not in known and (module := sys.modules.get(name)) is not None:
            known.add(name)
            yield module, listen
