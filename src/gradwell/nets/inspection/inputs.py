"""The input that a model is run with: tensors, or the shapes of tensors to be made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.errors import OptionError

POSSIBLE = "a tensor, a shape without the batch such as '3x32x32', '20:long' or (3, 32, 32), or several of them in a list or a dict"


def arguments(given: Any, model: nn.Module) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named arguments for the model's forward; copies, so that a model may write into its input.

    Raises OptionError for what is neither tensor nor shape.
    """
    if isinstance(given, Mapping):
        return (), {str(name): one(value, model) for name, value in given.items()}
    if isinstance(given, (list, tuple)) and not is_shape(given):
        return tuple(one(value, model) for value in given), {}
    return (one(given, model),), {}


def one(given: Any, model: nn.Module) -> Any:
    """One argument: a copy of a tensor, a tensor made from a shape, or anything else inside a structure as it is."""
    if isinstance(given, Tensor):
        return given.detach().clone()
    if isinstance(given, str):
        return made(*parsed(given), model)
    if is_shape(given):
        return made(tuple(given), None, model)
    if given is None or isinstance(given, (bool, list, tuple, Mapping)):
        return torch.utils._pytree.tree_map_only(Tensor, lambda x: x.detach().clone(), given)
    raise OptionError(f"input is {type(given).__name__} {given!r:.60}; it must be {POSSIBLE}")


def is_shape(given: Any) -> bool:
    """Whether it is a tuple or list of whole numbers."""
    return isinstance(given, (list, tuple)) and bool(given) and all(isinstance(n, int) and not isinstance(n, bool) for n in given)


def parsed(text: str) -> tuple[tuple[int, ...], torch.dtype | None]:
    """Shape and type of '3x32x32' or '20:long'."""
    sizes, colon, kind = text.partition(":")
    numbers = sizes.lower().replace("×", "x").split("x")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in numbers):
        raise OptionError(f"input {text!r} is no shape; it must be whole numbers from 1 on with x between them, such as 3x32x32 or 20:long")
    dtype = getattr(torch, kind, None) if colon else None
    if colon and not isinstance(dtype, torch.dtype):
        raise OptionError(f"input {text!r} has no type {kind!r}; it can be float, half, bfloat16, double, long, int or bool")
    return tuple(map(int, numbers)), dtype


def made(shape: tuple[int, ...], dtype: torch.dtype | None, model: nn.Module) -> Tensor:
    """A batch of one of that shape, where the model's parameters are: random numbers from 0 to 1, or zeros where they must be whole."""
    if any(n < 1 for n in shape):
        raise OptionError(f"input {shape} is no shape; its numbers must be 1 or more")
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    dtype = dtype or (first.dtype if first is not None else torch.get_default_dtype())
    try:
        values = torch.rand(1, *shape, generator=torch.Generator().manual_seed(0)) if dtype.is_floating_point else torch.zeros(1, *shape)
        return values.to(dtype).to(first.device if first is not None else "cpu")
    except (RuntimeError, TypeError) as error:  # too large, or a type that no random numbers come in
        raise OptionError(f"input {'x'.join(map(str, shape))} cannot be made: {str(error).splitlines()[0]}") from error
