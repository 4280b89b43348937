"""Arguments are looked at before they are used, so that a wrong shape is named where it came in."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwell.errors import OptionError


def positive(**sizes: int) -> None:
    """Raise OptionError unless all sizes are at least 1."""
    for name, size in sizes.items():
        if size < 1:
            raise OptionError(f"{name} must be at least 1, not {size}")


def tracing() -> bool:
    """Whether the code is being recorded (compile, export, trace) rather than run."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]


def shape(tensor: Tensor) -> str:
    """A shape as one writes it."""
    return f"({', '.join(map(str, tensor.shape))})"


def check_memory(keys: Tensor, values: Tensor, mask: Tensor | None, key_size: int, value_size: int) -> None:
    """Raise OptionError unless keys (batch, time, key_size), values (batch, time, value_size) and mask (batch, time) fit together."""
    if tracing():
        return
    if keys.dim() != 3 or keys.shape[-1] != key_size:
        raise OptionError(f"keys must be (batch, time, {key_size}), not {shape(keys)}")
    if values.dim() != 3 or values.shape[:2] != keys.shape[:2] or values.shape[-1] != value_size:
        raise OptionError(f"values must be ({keys.shape[0]}, {keys.shape[1]}, {value_size}), not {shape(values)}")
    if mask is None:
        return
    if mask.dtype != torch.bool:
        raise OptionError(f"the mask must be bool, True where there is a word, not {mask.dtype}")
    if mask.shape != keys.shape[:2]:
        raise OptionError(f"the mask must be ({keys.shape[0]}, {keys.shape[1]}), not {shape(mask)}")


def check_query(query: Tensor, keys: Tensor, coverage: Tensor | None, query_size: int) -> None:
    """Raise OptionError unless the query and the coverage fit the memory's keys (batch, time, attention size)."""
    if tracing():
        return
    batch, time = keys.shape[:2]
    if query.dim() not in (2, 3) or query.shape[0] != batch or query.shape[-1] != query_size:
        raise OptionError(f"the query must be ({batch}, {query_size}) or ({batch}, queries, {query_size}), not {shape(query)}")
    if coverage is not None and coverage.shape != (batch, time):
        raise OptionError(f"the coverage must be ({batch}, {time}), not {shape(coverage)}")
