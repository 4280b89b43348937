"""Models that `fully_shard` spread over processes: which sharded weight of the optimizer each gathered weight in the graph belongs to.

FSDP gathers a layer's weights before it runs, and gives their memory back after it. In the graph stand the gathered ones, while the
optimizer holds the shards. No shard is ever gathered by us.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import nn

_shards: dict[int, tuple[weakref.ref[Any], weakref.ref[Any]]] = {}  # by the id of a gathered weight: itself, and its shard


def held(weight: Any) -> Any:
    """The shard of a gathered weight; any other weight as it is."""
    known = _shards.get(id(weight))
    if known is None or known[0]() is not weight:
        return weight
    shard = known[1]()
    return weight if shard is None else shard


def learn(roots: Iterable[nn.Module]) -> None:
    """Learn which weights of these models are gathered ones."""
    for module in (module for root in roots for module in root.modules() if is_fsdp(module)):
        state: Any = module._get_fsdp_state()  # type: ignore[operator]
        groups = getattr(state, "_fsdp_param_groups", None) or [state._fsdp_param_group]
        for weight in (weight for group in groups if group is not None for weight in group.fsdp_params):
            if (gathered := getattr(weight, "_unsharded_param", None)) is not None:
                _shards[id(gathered)] = weakref.ref(gathered), weakref.ref(weight.sharded_param)


def is_fsdp(module: nn.Module) -> bool:
    """Whether `fully_shard` was called on a module."""
    return any(base.__name__ == "FSDPModule" for base in type(module).__mro__[:3])
