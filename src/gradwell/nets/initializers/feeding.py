"""Which activation feeds each layer: found by following the tensors of one forward pass, modules and plain functions alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gradwell.nets.activations import ACTIVATIONS, activation, expected
from gradwell.nets.initializers.schemes import Layer, own
from gradwell.nets.onebatch import Inputs, as_before, call

Fed = tuple[str, float]  # an activation's name, and its gain
NOTHING: Fed = ("", 1.0)
NAMES = {one.name for one in ACTIVATIONS}
FRESH = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm", "softmax", "log_softmax",
         "multi_head_attention_forward"}  # what comes out of them is no activation's output any more
WEIGHTED = {"linear", *(f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3))}


class Follow(TorchFunctionMode):
    """Passes on with each tensor what activation it came out of: through reshapes, pools, dropouts and sums, up to the next layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fed: dict[int, Fed] = {}  # by the weight's id
        self._came: dict[int, tuple[Tensor, Fed]] = {}  # by the tensor's id; it is held so that no other one gets its id

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """Call the function, and note what it does to what came in."""
        kwargs, name = kwargs or {}, str(getattr(func, "__name__", "")).rstrip("_")
        given = list(tensors((args, kwargs)))
        came = [self._came[id(t)][1] for t in given if id(t) in self._came]
        now: Fed = came[0] if came else NOTHING
        if name in WEIGHTED:
            weight = kwargs["weight"] if "weight" in kwargs else args[1]
            self.fed.setdefault(id(weight), self._came.get(id(given[0]), (given[0], NOTHING))[1])
            now = NOTHING
        elif name in FRESH:
            for t in given:
                self.fed.setdefault(id(t), NOTHING)  # weights that an attention multiplies with itself
            now = NOTHING
        elif name in NAMES:
            now = (name, gain(func, name, args[1:], kwargs))
        result = func(*args, **kwargs)
        for t in tensors(result):
            self._came[id(t)] = (t, now)
        return result


def gain(func: Callable[..., Any], name: str, rest: tuple[Any, ...], named: Mapping[str, Any]) -> float:
    """The gain of an activation as it is called, slopes and limits included: 1 / sqrt(E[f(z)^2]), z standard normal."""
    if name == "rrelu":  # draws its slopes
        return activation(name).gain
    rest = tuple(plain(value) for value in rest)
    named = {key: plain(value) for key, value in named.items() if key != "input"}
    with torch.no_grad():
        return 1 / math.sqrt(expected(lambda z: func(z.clone(), *rest, **named).square(), points=20_001))


def plain(value: Any) -> Any:
    """A learned slope as one number in double precision; anything else as it is."""
    return value.detach().double().mean().reshape(1).cpu() if isinstance(value, Tensor) else value


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in a nest of tuples, lists and dicts, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from tensors(one)
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))


def feeding(model: nn.Module, layers: Mapping[str, Layer], inputs: Inputs) -> dict[str, Fed | None]:
    """For each layer the activation that its input came out of, "" for none, and its gain; None where the pass does not reach it."""
    follow = Follow()
    with as_before(model), torch.nn.utils.parametrize.cached(), follow:
        ids = {name: id(layer.weight) for name, layer in layers.items()}  # cached, so that a parametrised one stays the same
        call(model, inputs)
    return {name: follow.fed.get(ids[name], follow.fed.get(id(own(layer)))) for name, layer in layers.items()}
