"""The gradient of a model's loss, by hand: delta_l = (W^T delta_(l+1)) * f'(z_l), with every factor kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gradwell.errors import OptionError
from gradwell.nets.aligned import aligned
from gradwell.nets.backprop.path import Passed, path
from gradwell.nets.backprop.rules import back


@dataclass(frozen=True)
class Factor:
    """One layer of the way back.

    delta: dL/d(output), like the layer's output. below: dL/d(input), like its input; for a layer with weights that is W^T delta.
    slope: f'(z) of an activation, or None. gradients: dL/d(parameter) by the parameter's name in the layer.
    """

    name: str
    layer: str
    inputs: Tensor
    output: Tensor
    delta: Tensor
    below: Tensor
    slope: Tensor | None = None
    gradients: dict[str, Tensor] = field(default_factory=dict)

    @property
    def gain(self) -> float:
        """By what the layer scales the gradient: |dL/d(input)| / |dL/d(output)|."""
        return float(self.below.norm() / self.delta.norm().clamp_min(torch.finfo(self.delta.dtype).tiny))


@dataclass(frozen=True)
class Explanation:
    """The loss, and the layers of the way back from the first to the last; prints as a table to be read from below."""

    loss: float
    factors: tuple[Factor, ...]

    @property
    def gradients(self) -> dict[str, Tensor]:
        """dL/d(parameter), by the parameter's name in the model."""
        return {f"{one.name}.{name}" if one.name else name: value for one in self.factors for name, value in one.gradients.items()}

    def __str__(self) -> str:
        rows = [("layer", "", "|delta|", "gain", "mean f'", "|dL/dW|")]
        for one in self.factors:
            slope = "" if one.slope is None else f"{float(one.slope.mean()):.3g}"
            weight = f"{float(one.gradients['weight'].norm()):.3g}" if "weight" in one.gradients else ""
            rows.append((one.name or "model", one.layer, f"{float(one.delta.norm()):.3g}", f"{one.gain:.3g}", slope, weight))
        return "\n".join([f"loss {self.loss:.6g}; the gradient comes in at the bottom and goes up", *aligned(rows, 2)])


def explain(model: nn.Module, loss_fn: Callable[[Tensor, Tensor], Tensor], batch: tuple[Tensor, Tensor]) -> Explanation:
    """Apply the chain rule by hand to a feed-forward or convolutional model on one batch, and keep every factor.

    batch: inputs (N, ...) and target. Every step of the model must be a module, one after the other, as in nn.Sequential; reshaping
    between them is allowed. Only the gradient of the loss at the model's output is taken from autograd; all below it is computed
    from the layers' inputs and weights, and agrees with autograd to rounding. Weights, buffers and gradients stay as they are.
    Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors".

    Raises OptionError for a layer it has no rule for, and where something between two layers is no module.
    """
    inputs, target = batch
    with torch.no_grad():
        output, passed = path(model, inputs)
    with torch.enable_grad():
        top = output.detach().requires_grad_()
        loss = loss_fn(top, target)
        if loss.numel() != 1:
            raise OptionError(f"explain needs a loss of one number; loss_fn gave {tuple(loss.shape)}")
        (delta,) = torch.autograd.grad(loss, top)
    factors: list[Factor] = []
    with torch.no_grad():
        for one in reversed(passed):
            factors.append(factor(one, delta.reshape(one.output.shape)))
            delta = factors[-1].below
    return Explanation(float(loss.detach()), tuple(reversed(factors)))


def factor(one: Passed, delta: Tensor) -> Factor:
    """One layer's part of the chain rule."""
    below, slope, gradients = back(one, delta)
    return Factor(one.name, type(one.module).__name__, one.inputs, one.output, delta, below, slope, gradients)
