"""One batch through a model that is afterwards as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

Inputs = Tensor | tuple[Any, ...] | list[Any] | Mapping[str, Any]


@contextmanager
def as_before(model: nn.Module) -> Iterator[None]:
    """Give back buffers, training flags and random states as they were, whatever happens in between; nothing in it builds a graph."""
    buffers = [(module, dict(module._buffers), [(b, b.clone()) for b in module._buffers.values() if b is not None])
               for module in model.modules()]
    flags = [(module, module.training) for module in model.modules()]
    devices = {t.device.index for t in [*model.parameters(), *model.buffers()] if t.device.type == "cuda"}
    try:
        with torch.random.fork_rng(sorted(devices)), torch.no_grad():
            yield
    finally:
        for module, training in flags:
            module.training = training
        for module, held, values in buffers:
            module._buffers.clear()
            module._buffers.update(held)
            for buffer, value in values:
                buffer.data.copy_(value)


def call(model: nn.Module, inputs: Inputs) -> Any:
    """Call a model with one tensor, or a tuple of arguments, or a dict of named ones; with copies, which it may change in place.

    What is compiled in it runs uncompiled, where hooks see it.
    """
    compiled = any(hasattr(one, "_orig_mod") or getattr(one, "_compiled_call_impl", None) is not None for one in model.modules())
    with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
        if isinstance(inputs, Mapping):
            return model(**{name: copied(value) for name, value in inputs.items()})
        return model(*(copied(value) for value in (inputs if isinstance(inputs, (tuple, list)) else (inputs,))))


def copied(value: Any) -> Any:
    """A tensor's copy; anything else as it is."""
    return value.clone() if isinstance(value, Tensor) else value
