"""The layers that a model's output goes through, in order, with what went in and came out."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from gradwell.errors import OptionError


@dataclass(frozen=True)
class Passed:
    """One layer in the forward pass."""

    name: str
    module: nn.Module
    inputs: Tensor
    output: Tensor


def path(model: nn.Module, x: Tensor) -> tuple[Tensor, list[Passed]]:
    """Run a copy of a model, so that running statistics stay; returns its output and the chain of layers (without containers).

    Raises OptionError where the chain is broken: between two layers something happens that is no module, or a layer branches.
    """
    model = deepcopy(model)
    passed: list[Passed] = []
    taken: dict[str, Tensor] = {}  # what goes in, copied before a layer can change it in place

    def before(name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if len(inputs) != 1 or not isinstance(inputs[0], Tensor):
            raise OptionError(f"explain follows layers that take one tensor; {name} ({type(module).__name__}) takes something else")
        taken[name] = inputs[0].clone()

    def after(name: str, module: nn.Module, _: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise OptionError(f"explain follows layers that give one tensor; {name} gives {type(output).__name__}")
        passed.append(Passed(name, module, taken.pop(name), output.clone()))

    for name, module in model.named_modules():
        if not any(module.children()):
            module.register_forward_pre_hook(partial(before, name))
            module.register_forward_hook(partial(after, name))
    output = model(x)
    if not isinstance(output, Tensor):
        raise OptionError(f"explain needs a model that gives one tensor; {type(model).__name__} gives {type(output).__name__}")
    last, name = x, "the input"
    for one in passed:
        connected(last, one.inputs, f"{name} and {one.name} ({type(one.module).__name__})")
        last, name = one.output, f"{one.name} ({type(one.module).__name__})"
    connected(last, output, f"{name} and the output")
    return output, passed


def connected(before: Tensor, after: Tensor, between: str) -> None:
    """Raise OptionError unless one tensor is the other, perhaps reshaped."""
    if before.numel() != after.numel() or not before.reshape(-1).equal(after.reshape(-1)):
        raise OptionError(f"between {between} something happens that is no module, or the model branches; explain reads nn.Sequential and "
                          "models whose every step is a module, one after the other")
