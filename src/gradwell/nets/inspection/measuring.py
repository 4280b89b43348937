"""One forward pass, with a look at each layer before and after it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.errors import OptionError
from gradwell.nets.inspection.connections import ATOMS
from gradwell.nets.inspection.layer import Shape
from gradwell.nets.inspection.marks import field as extent
from gradwell.nets.inspection.trail import Trail
from gradwell.nets.inspection.untouched import plainly, untouched


@dataclass
class Call:
    """One call of one module: what went in, what came out, what it cost. flops without those of the layers inside it."""

    path: str
    module: nn.Module
    inputs: tuple[Shape, ...]
    before: int  # operations counted when it began
    versions: dict[int, int]  # of the inputs' memory: how often it was written to
    read: int
    origin: int | None = None  # the call whose output it reads
    inner: int = 0  # operations of the layers inside it
    outputs: tuple[Shape, ...] = ()
    flops: int = 0
    written: int = 0
    field: Shape | None = None
    hidden: bool = False  # inside a layer that is looked at as one


@dataclass
class Pass:
    """What one forward pass showed."""

    calls: list[Call] = field(default_factory=list)
    inputs: tuple[Shape, ...] = ()
    flops: int = 0


def measure(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pass:
    """Run a model once, without gradients and in eval mode, and look at every layer. Nothing is changed.

    Raises OptionError where the model fails with this input, naming the layer and the shape that it got.
    """
    given = tensors((args, kwargs))
    seen = Pass(inputs=tuple(tuple(x.shape) for x in given))
    stack: list[Call] = []
    names = {module: printable(path) for path, module in model.named_modules()}
    with ExitStack() as exits:
        exits.enter_context(untouched(model))
        exits.enter_context(plainly(model))
        trail = exits.enter_context(Trail(given[0] if given else None))

        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            xs = tensors((args, kwargs))
            origin = trail.step(xs[0]) if len(xs) == 1 else None
            stack.append(Call(names[module], module, tuple(tuple(x.shape) for x in xs), trail.flops,
                              {storage(x): x._version for x in xs}, read_by(module, xs), origin.origin if origin else None,
                              hidden=any(isinstance(call.module, ATOMS) for call in stack)))

        def after(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:  # noqa: ARG001
            call = stack.pop()
            while call.module is not module:  # a layer inside failed and the model went on without it
                call = stack.pop()
            ys = tensors(output)
            passed = all(call.versions.get(storage(y)) == y._version for y in ys)  # handed on or reshaped
            spent = trail.flops - call.before
            call.outputs, call.flops = tuple(tuple(y.shape) for y in ys), spent - call.inner
            call.written = 0 if passed else sum(y.numel() * y.element_size() for y in ys)
            call.read = 0 if passed else call.read
            step = trail.step(ys[0]) if ys else None
            call.field = extent(step.marks) if step and step.marks is not None else None
            if stack and not call.hidden:
                stack[-1].inner += spent
            if isinstance(module, nn.modules.conv._ConvNd):
                trail.stamp(ys[0], len(seen.calls))
            seen.calls.append(call)

        for module in model.modules():
            for handle in (module.register_forward_pre_hook(before, with_kwargs=True),
                           module.register_forward_hook(after, with_kwargs=True)):
                exits.callback(handle.remove)
        try:
            model(*args, **kwargs)
        except Exception as error:
            raise OptionError(complaint(model, stack, seen.inputs, error)) from error
        seen.flops = trail.flops
    return seen


def complaint(model: nn.Module, stack: list[Call], inputs: tuple[Shape, ...], error: Exception) -> str:
    """Where a model failed, with what, and why."""
    last = stack[-1] if stack else None
    at = f"at {last.path} ({type(last.module).__name__})" if last and last.path else f"in {type(model).__name__}.forward"
    got = ", ".join(map(str, last.inputs if last else inputs)) or "nothing"
    why = str(error).strip().splitlines()
    return (f"the model fails {at}, which got {got}: {type(error).__name__}: {why[0] if why else ''} "
            f"(the input, with its batch, was {', '.join(map(str, inputs)) or 'nothing'})")


def printable(text: str) -> str:
    """A name on one line without control codes."""
    return "".join(c if c.isprintable() else "?" for c in text)


def tensors(nest: Any) -> list[Tensor]:
    """All tensors in arguments or in an output, however they are packed."""
    if isinstance(nest, Tensor):
        return [nest]
    if isinstance(nest, nn.utils.rnn.PackedSequence):
        return [nest.data]
    if isinstance(nest, Mapping):
        return [x for one in nest.values() for x in tensors(one)]
    if isinstance(nest, (list, tuple, set)):
        return [x for one in nest for x in tensors(one)]
    if is_dataclass(nest) and not isinstance(nest, type):
        return [x for one in fields(nest) for x in tensors(getattr(nest, one.name))]
    return []


def storage(x: Tensor) -> int:
    """Which memory a tensor lies in."""
    return x.untyped_storage()._cdata if x.layout is torch.strided else id(x)


def read_by(module: nn.Module, xs: list[Tensor]) -> int:
    """Bytes of a layer's inputs and parameters; of an embedding's table only the rows that are looked up."""
    inputs = sum(x.numel() * x.element_size() for x in xs)
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return inputs + xs[0].numel() * module.embedding_dim * module.weight.element_size()
    return inputs + sum(p.numel() * p.element_size() for p in own(module))


def own(module: nn.Module) -> list[nn.Parameter]:
    """Parameters of a layer: all inside one that is looked at as a whole, and those that stand directly in any other module."""
    return list(module.parameters(recurse=isinstance(module, ATOMS)))


