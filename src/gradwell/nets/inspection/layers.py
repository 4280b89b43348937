"""The calls of a forward pass, gathered into layers."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from gradwell.nets.inspection.connections import ATOMS, connections
from gradwell.nets.inspection.layer import Layer, Shape
from gradwell.nets.inspection.measuring import Call, own, printable


def layers(model: nn.Module, calls: list[Call], batch: int) -> tuple[Layer, ...]:
    """One layer for each module and shape, in the order of their first calls; at the end those that were not called.

    A module that holds others is a layer itself only if it has parameters of its own, or arithmetic between the layers inside it.
    """
    gathered: dict[tuple[nn.Module, tuple[Shape, ...], tuple[Shape, ...]], list[Call]] = {}
    for call in calls:
        if not call.hidden and (is_leaf(call.module) or call.flops or own(call.module)):
            inputs = call.inputs[:1] if isinstance(call.module, nn.RNNCellBase) else call.inputs  # with a first state or without
            gathered.setdefault((call.module, inputs, call.outputs), []).append(call)
    counted: set[int] = set()
    found = [layer(same, batch, counted) for same in gathered.values()]
    return (*found, *idle(model, counted))


def is_leaf(module: nn.Module) -> bool:
    """Whether a module is looked at as one."""
    return isinstance(module, ATOMS) or not any(True for _ in module.children())


def layer(calls: list[Call], batch: int, counted: set[int]) -> Layer:
    """All calls of one module with the same shapes. counted: ids of the parameters that layers above have; these are added to it."""
    first, n = calls[0], len(calls)
    module = first.module
    leaf = is_leaf(module)
    found = held(first.path, module, counted)
    cell = isinstance(module, nn.RNNCellBase)  # its calls are the steps of one recurrent layer
    inputs, times = (((n, *first.inputs[0]),), 1) if cell and first.inputs else (first.inputs, n)
    told = connections(module, inputs, first.outputs[0], batch) if leaf and first.outputs else None
    fields = [call.field for call in calls if call.field is not None]
    found = replace(
        found, calls=n, input_shapes=first.inputs, output_shapes=first.outputs, flops=sum(call.flops for call in calls),
        receptive_field=tuple(map(max, zip(*fields, strict=True))) if len(fields) == n else None)
    if leaf:
        found = replace(found, read=sum(call.read for call in calls), written=sum(call.written for call in calls))
    if told is None:
        return found
    return replace(
        found, dense_parameters=times * told.dense, local_parameters=times * told.local, connections=times * told.connections,
        possible=times * told.possible, steps=told.steps)


def held(path: str, module: nn.Module, counted: set[int]) -> Layer:
    """What a module holds, before it is said what it does."""
    mine = own(module)
    repeated = sum(p.numel() for p in mine if id(p) in counted)
    counted.update(map(id, mine))
    return Layer(printable(path), printable(type(module).__name__), 0, (), (), sum(p.numel() for p in mine),
                 sum(p.numel() for p in mine if p.requires_grad), repeated)


def idle(model: nn.Module, counted: set[int]) -> list[Layer]:
    """Modules whose parameters no call accounts for."""
    return [held(path, module, counted) for path, module in model.named_modules() if any(id(p) not in counted for p in own(module))]

