"""The states of a recurrent module as torch gives and takes them, and as pairs of h and c, one for each layer and direction."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradwell.errors import DataError

Pair = tuple[Tensor, Tensor | None]  # h and, for an LSTM, c; each (batch, hidden)
State = Tensor | tuple[Tensor, Tensor]


def parted(state: Any, count: int, like: Tensor, hidden: int, has_cell: bool, single: bool, name: str = "state") -> list[Pair]:
    """The state of each of `count` layers and directions; zeros where none is given.

    state: (count, batch, hidden), or (count, hidden) of a single sequence; for an LSTM a pair of them. like: inputs (time, batch, ...).
    """
    if state is None:
        zeros = like.new_zeros(like.shape[1], hidden)
        return [(zeros, zeros if has_cell else None)] * count
    parts = tuple(state) if isinstance(state, tuple | list) else (state,)
    if len(parts) != (2 if has_cell else 1) or isinstance(state, tuple | list) != has_cell:
        raise DataError(f"{name} is {described(state)}; it must be {'a pair of tensors, h and c' if has_cell else 'one tensor, h'}")
    shape = (count, hidden) if single else (count, like.shape[1], hidden)
    for part in parts:
        if not isinstance(part, Tensor) or tuple(part.shape) != shape:
            raise DataError(f"{name} is {described(part)}; each of its tensors must have shape {shape}")
    whole = [part.unsqueeze(1) if single else part for part in parts]
    return [(whole[0][k], whole[1][k] if has_cell else None) for k in range(count)]


def joined(pairs: list[Pair], has_cell: bool, single: bool) -> State:
    """The state in torch's form."""
    h = torch.stack([h for h, _ in pairs])
    h = h.squeeze(1) if single else h
    if not has_cell:
        return h
    c = torch.stack([c for _, c in pairs if c is not None])
    return h, c.squeeze(1) if single else c


def described(value: Any) -> str:
    """What a state looks like, for a message."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
