"""How large first weights are, by the fan-in, the fan-out and the activation that feeds a layer."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gradwell.errors import OptionError

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
SCHEMES = ("fan-in", "glorot", "lecun", "he", "orthogonal")
BY_ACTIVATION = ("he", "orthogonal")  # the others have a gain of 1


def fans(layer: Layer) -> tuple[float, float]:
    """How many numbers each output is a sum of (fan-in), and into how many outputs each input goes (fan-out), padding and stride aside.

    As torch counts them; but only within a group, and for a transposed convolution by what it does, not by how its weights are laid out:
    each output meets only one in `stride` of the kernel's places.
    """
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    places = math.prod(layer.kernel_size)
    below, above = layer.in_channels // layer.groups * places, layer.out_channels // layer.groups * places
    return below / math.prod(layer.stride) if isinstance(layer, TRANSPOSED) else below, above


def deviation(scheme: str, n: float, m: float, gain: float) -> float:
    """The standard deviation of weights that are drawn one by one, for fan-in n and fan-out m."""
    if scheme == "fan-in":
        return gain / math.sqrt(3 * n)
    return gain * math.sqrt(2 / (n + m) if scheme == "glorot" else 1 / n)


@torch.no_grad()
def draw(layer: Layer, scheme: str, gain: float, generator: torch.Generator | None) -> float:
    """Draw a layer's weights anew and set its bias to zero; returns the standard deviation of the weights."""
    weight = layer.weight
    new = torch.empty_like(weight, dtype=weight.dtype if weight.dtype in (torch.float32, torch.float64) else torch.float32)
    std = deviation(scheme, *fans(layer), gain)
    if scheme == "orthogonal":
        for block in new.chunk(1 if isinstance(layer, nn.Linear) else layer.groups):
            nn.init.orthogonal_(block, gain, generator=generator)
        std = float(new.square().mean().sqrt())
    elif scheme == "fan-in":
        nn.init.uniform_(new, -math.sqrt(3) * std, math.sqrt(3) * std, generator=generator)
    else:
        nn.init.normal_(new, 0.0, std, generator=generator)
    put(layer, new.to(weight.dtype))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return std


def put(layer: Layer, new: Tensor) -> None:
    """Give a layer other weights; where they are parametrised, through the parametrisation."""
    if parametrize.is_parametrized(layer, "weight"):
        held: Any = layer
        held.weight = new  # a property, which takes it apart
    else:
        layer.weight.copy_(new)


def own(layer: Layer) -> Tensor:
    """The tensor that a layer's weights are kept in: layers with the same one share their weights."""
    if not parametrize.is_parametrized(layer, "weight"):
        return layer.weight
    held: Any = layer.parametrizations
    first: Tensor = next(held.weight.parameters())
    return first


def layers(model: nn.Module) -> dict[str, Layer]:
    """The linear and convolutional layers of a model by path, in the order in which they were built; of those that share weights the first.

    Raises OptionError where there is none, or where weights cannot be set.
    """
    found: dict[str, Layer] = {}
    seen: set[int] = set()
    for name, module in model.named_modules():
        if not isinstance(module, LAYERS):
            continue
        if isinstance(module.weight, nn.parameter.UninitializedParameter):
            raise OptionError(f"{name or 'the model'} ({type(module).__name__}) is lazy and has no weights yet; run the model on one batch "
                              "first")
        if "weight" not in module._parameters and not parametrize.is_parametrized(module, "weight"):
            raise OptionError(f"the weights of {name or 'the model'} are computed by a hook, as torch.nn.utils.weight_norm does it; use "
                              "torch.nn.utils.parametrizations, whose weights can be set")
        if id(own(module)) not in seen:
            seen.add(id(own(module)))
            found[name] = module
    if not found:
        raise OptionError(f"{type(model).__name__} has no linear or convolutional layer to initialise")
    return found
