"""Look into a model: every layer's shape, parameters, connections, receptive field and cost, from one forward pass."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from gradwell.errors import OptionError
from gradwell.nets.inspection.bottleneck import bottlenecks
from gradwell.nets.inspection.connections import ATOMS
from gradwell.nets.inspection.inputs import arguments
from gradwell.nets.inspection.inspection import Inspection
from gradwell.nets.inspection.layers import layers
from gradwell.nets.inspection.measuring import Pass, measure, printable

FEW = 6  # modules named in a note


def inspect(model: nn.Module, input: Any) -> Inspection:
    """Run a model once on an input and say of each layer what it holds, how it is connected and what it costs.

    input: a tensor with its batch; or a shape without it, as "3x32x32", (3, 32, 32) or "20:long", to which a batch of one is added; or
    several of these in a list, or in a dict by the names of the model's arguments. The batch is the first dimension of the first input,
    or the second where a recurrent layer or an attention of the model has it there (batch_first=False).
    The model runs in eval mode without gradients. Training flags, buffers and random states are afterwards what they were; a model
    with lazy layers is copied, and stays lazy.

        print(gradwell.inspect(model, "1x28x28"))

    Raises OptionError where the model is no module, the input no input, or the model fails with it.
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise OptionError(f"inspect needs a torch.nn.Module that is not scripted, not {type(model).__name__}")
    model = getattr(model, "_orig_mod", model)  # of torch.compile
    lazy = any(is_lazy(p) for p in [*model.parameters(), *model.buffers()])
    if lazy:
        model = copy.deepcopy(model)
        args, kwargs = arguments(input, nn.ParameterList(p for p in model.parameters() if not is_lazy(p)))
    else:
        args, kwargs = arguments(input, model)
    seen = measure(model, args, kwargs)
    batch = batch_of(seen)
    parameters = list(model.parameters())
    rows = layers(model, seen.calls, batch)
    return Inspection(
        model=printable(type(model).__name__), inputs=seen.inputs, batch=batch, layers=rows, bottlenecks=tuple(bottlenecks(seen.calls)),
        parameters=sum(p.numel() for p in parameters), trainable=sum(p.numel() for p in parameters if p.requires_grad),
        parameter_bytes=sum(p.numel() * p.element_size() for p in parameters), buffers=sum(b.numel() for b in model.buffers()),
        flops=seen.flops, notes=tuple(notes(model, seen, lazy)))


def batch_of(seen: Pass) -> int:
    """How many examples the input holds."""
    shape = seen.inputs[0] if seen.inputs else ()
    for call in seen.calls:
        x = call.inputs[0] if call.inputs else ()
        if getattr(call.module, "batch_first", True) is False and len(x) == 3 and x[:1] == shape[:1]:
            return x[1]
    return shape[0] if shape else 1


def notes(model: nn.Module, seen: Pass, lazy: bool) -> Iterable[str]:
    """What a reader of the numbers must know."""
    if lazy:
        yield "The model has lazy layers; what is told is of a copy, whose layers took their shapes from this input."
    accounted = {part for call in seen.calls for part in (call.module.modules() if isinstance(call.module, ATOMS) else [call.module])}
    idle = [path for path, module in model.named_modules()
            if module not in accounted and any(True for _ in module.parameters(recurse=False)) and runs(module)]
    if idle:
        more = f" and {len(idle) - FEW} more" if len(idle) > FEW else ""
        yield (f"Not called in this forward pass: {', '.join(map(printable, idle[:FEW]))}{more}; "
               "their weights may still be used by other code.")
    if seen.inputs and len(seen.inputs) > 1:
        yield "Receptive fields are of the first input."


def runs(module: nn.Module) -> bool:
    """Whether a module can be called at all; a list of parameters cannot."""
    return type(module).forward is not nn.Module.forward
