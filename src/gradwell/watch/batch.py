"""The examples of a batch, whatever the batch is packed in: how many there are, and a batch made of some of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

PLAIN = (type(None), bool, int, float, complex, str, torch.dtype, torch.device, torch.Size)


def first_tensor(output: Any) -> Tensor | None:
    """The first tensor of an output, whatever it is packed in."""
    if isinstance(output, Tensor):
        return output
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, (list, tuple)) else vars(output).values() \
        if hasattr(output, "__dict__") else ()
    return next((found for part in parts if (found := first_tensor(part)) is not None), None)


def axis_of(x: Tensor, count: int) -> int | None:
    """The axis along which the examples lie: the first if it has their number, or else the second."""
    return next((axis for axis in (0, 1) if x.dim() > axis and x.shape[axis] == count), None)


def chosen(inputs: Any, order: Tensor, count: int) -> Any:
    """The batch that holds these of its `count` examples, in this order; what is not one for each example stays as it is."""

    def pick(x: Tensor) -> Tensor:
        axis = axis_of(x, count)
        return x if axis is None else x.index_select(axis, order.to(x.device))

    return changed(inputs, pick, lambda numbers: [numbers[i] for i in order.tolist()] if len(numbers) == count else list(numbers))


def changed(inputs: Any, tensor: Callable[[Tensor], Tensor], numbers: Callable[[Any], Any] = list) -> Any:
    """The same packing with other tensors, and other lists of plain numbers, in it."""
    if isinstance(inputs, Tensor):
        return tensor(inputs)
    if isinstance(inputs, Mapping):
        return {name: changed(part, tensor, numbers) for name, part in inputs.items()}
    if isinstance(inputs, (list, tuple)):
        if inputs and all(isinstance(part, (int, float)) for part in inputs):
            return numbers(inputs) if isinstance(inputs, list) else tuple(numbers(inputs))
        parts = [changed(part, tensor, numbers) for part in inputs]
        return type(inputs)(*parts) if hasattr(inputs, "_fields") else type(inputs)(parts)
    return inputs


def tensors(inputs: Any) -> Iterator[Tensor]:
    """The tensors in a batch, in order."""
    if isinstance(inputs, Tensor):
        yield inputs
    elif isinstance(inputs, (Mapping, list, tuple)):
        for part in inputs.values() if isinstance(inputs, Mapping) else inputs:
            yield from tensors(part)


def is_plain(inputs: Any) -> bool:
    """Whether a batch is made of nothing but dense tensors, numbers and words in plain lists, tuples and dicts."""
    if isinstance(inputs, Tensor):
        return type(inputs) in (Tensor, torch.nn.Parameter) and inputs.layout == torch.strided and not inputs.is_nested
    if type(inputs) in (dict, OrderedDict):
        return all(map(is_plain, inputs.values()))
    return isinstance(inputs, PLAIN) or (type(inputs) in (list, tuple) and all(map(is_plain, inputs)))
