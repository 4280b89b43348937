"""Weights from a file become a network's: no memory is taken on the word of a configuration alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def filled(build: Callable[[], Network], weights: Mapping[str, Tensor]) -> Network:
    """The network that `build` makes, with these weights, which must be of its shapes and types.

    It is made without memory (on torch's meta device), so that what a foreign configuration states costs nothing before the weights
    that it describes are there. Raises RuntimeError where they are not, ValueError where one is of another type.
    """
    with torch.device("meta"):
        model = build()
    for name, expected in model.state_dict().items():
        if name in weights and weights[name].dtype != expected.dtype:
            raise ValueError(f"{name} is {weights[name].dtype}; it must be {expected.dtype}")
    model.load_state_dict({name: value.clone() for name, value in weights.items()}, assign=True)  # not what is mapped to the file
    return model
