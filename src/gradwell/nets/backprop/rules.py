"""The chain rule of each layer: from dL/d(output) to dL/d(input) and dL/d(parameter)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from gradwell.errors import OptionError
from gradwell.nets.activations import above, activation, gelu_slope
from gradwell.nets.backprop import convolution, normalization, pooling
from gradwell.nets.backprop.path import Passed

Back = tuple[Tensor, Tensor | None, dict[str, Tensor]]  # dL/d(input), f'(z), dL/d(parameter) by name
PLAIN = {nn.Sigmoid: "sigmoid", nn.Tanh: "tanh", nn.ReLU: "relu", nn.SiLU: "silu", nn.Mish: "mish", nn.Softsign: "softsign",
         nn.SELU: "selu", nn.ReLU6: "relu6", nn.Hardsigmoid: "hardsigmoid", nn.Hardswish: "hardswish"}
SHAPES = (nn.Flatten, nn.Unflatten, nn.Identity)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm)
SLOPES: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.LeakyReLU: lambda f, z: above(z, f.negative_slope),
    nn.ELU: lambda f, z: above(z, f.alpha * z.clamp(max=0).exp()),
    nn.Softplus: lambda f, z: (f.beta * z).sigmoid(),
    nn.Hardtanh: lambda f, z: ((z > f.min_val) & (z < f.max_val)).to(z.dtype),
    nn.PReLU: lambda f, z: above(z, f.weight if f.weight.numel() == 1 else f.weight.reshape(1, -1, *[1] * (z.dim() - 2))),
}
ELEMENTWISE: tuple[type[nn.Module], ...] = (*PLAIN, *SLOPES, nn.GELU)
KNOWN = ("linear layers, convolutions and pools of one or two dimensions, batch, layer and group normalisation, softmax, reshapes, and "
         + ", ".join(kind.__name__ for kind in ELEMENTWISE))


def back(one: Passed, delta: Tensor) -> Back:
    """Go back through one layer. Raises OptionError for a layer without a rule."""
    layer: Any = one.module
    x, kind = one.inputs, type(one.module)
    slope = slope_of(layer, x)
    if slope is not None:
        return delta * slope, slope, prelu(layer, x, delta) if kind is nn.PReLU else {}
    if kind is nn.Linear:
        d, a = delta.reshape(-1, layer.out_features), x.reshape(-1, layer.in_features)
        return delta @ layer.weight, None, named(layer, d.T @ a, d.sum(0))  # W^T delta, row by row
    if kind in (nn.Conv1d, nn.Conv2d):
        below, weight, bias = convolution.backward(layer, x, delta)
        return below, None, named(layer, weight, bias)
    if kind in NORMS:
        below, gamma, beta = normalization.backward(layer, x, delta)
        return below, None, named(layer, gamma, beta)
    if kind in (nn.MaxPool1d, nn.MaxPool2d):
        return pooling.largest(layer, x, delta), None, {}
    if kind in (nn.AvgPool1d, nn.AvgPool2d):
        return pooling.mean(layer, x, delta), None, {}
    if kind in (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d):
        return pooling.adaptive_mean(x, delta), None, {}
    if isinstance(layer, SHAPES) or (isinstance(layer, DROPOUTS) and not layer.training):
        return delta.reshape(x.shape), None, {}
    if kind is nn.Softmax and layer.dim is not None:
        a = one.output
        return a * (delta - (delta * a).sum(layer.dim, keepdim=True)), None, {}
    if kind is nn.LogSoftmax and layer.dim is not None:
        return delta - one.output.exp() * delta.sum(layer.dim, keepdim=True), None, {}
    more = "; call model.eval() first, since what was dropped is not kept" if isinstance(layer, DROPOUTS) else ""
    raise OptionError(f"explain has no rule for {one.name} ({kind.__name__}){more or f'; it knows {KNOWN}'}")


def slope_of(layer: Any, z: Tensor) -> Tensor | None:
    """f'(z) where a layer is an activation."""
    kind = type(layer)
    if kind in PLAIN:
        return activation(PLAIN[kind]).derivative(z)
    if kind in SLOPES:
        return SLOPES[kind](layer, z)
    if kind is nn.GELU and layer.approximate == "none":
        return gelu_slope(z)
    return None


def prelu(layer: nn.PReLU, z: Tensor, delta: Tensor) -> dict[str, Tensor]:
    """The gradient of PReLU's own slopes: the negative part of z, weighed with delta."""
    part = delta * z.clamp(max=0)
    return {"weight": part.sum().reshape(1) if layer.weight.numel() == 1 else part.sum([0, *range(2, z.dim())])}


def named(layer: Any, weight: Tensor | None, bias: Tensor | None) -> dict[str, Tensor]:
    """The gradients of those parameters that a layer has and that are trained."""
    found = {"weight": weight, "bias": bias}
    return {name: value for name, value in found.items()
            if value is not None and getattr(layer, name, None) is not None and getattr(layer, name).requires_grad}


