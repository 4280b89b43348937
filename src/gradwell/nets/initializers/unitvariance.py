"""First weights from data: layer by layer, what comes out of each on one batch gets a variance of 1."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.errors import DataError, OptionError, TrainingError
from gradwell.nets.initializers.initialize import others
from gradwell.nets.initializers.schemes import LAYERS, Layer, draw, fans, layers, own, put
from gradwell.nets.initializers.started import Start, Started
from gradwell.nets.onebatch import Inputs, as_before, call

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
FLATTEST = 0.5  # slope of ln variance by ln scale that is believed; it is 2 for one use and at most 2 n for n
STRIDE = 1.0  # in ln scale, at most at once


@dataclass
class Weight:
    """A layer's weight, what came out wherever it was used in the last pass, and what scaling it has done before."""

    name: str
    layer: Layer
    outputs: list[tuple[float, float, float]] = field(default_factory=list)  # count, mean and variance at each use
    uses: int = 0
    scale: float = 0.0  # ln of what it was multiplied with between passes
    before: tuple[float, float] | None = None  # ln of scale and of variance then
    low: float = -math.inf  # scales that gave too little and too much
    high: float = math.inf

    @property
    def variance(self) -> float:
        """Of all that came out, at all uses together."""
        total = sum(count for count, _, _ in self.outputs)
        mean = sum(count * mean for count, mean, _ in self.outputs) / total
        return sum(count * (variance + (m - mean) ** 2) for count, m, variance in self.outputs) / total

    def multiply(self, factor: float) -> None:
        """Scale the weight."""
        put(self.layer, self.layer.weight * factor)

    def improve(self, variance: float) -> None:
        """One step towards variance 1 for a weight that is used again and again, so that its scale counts several times.

        By the secant of ln variance over ln scale, within what is known of where 1 lies; an infinite variance says only that it is below.
        """
        now, excess = self.scale, math.log(variance)
        if excess > 0:
            self.high = min(self.high, now)
        else:
            self.low = max(self.low, now)
        slope = 2.0 * self.uses
        if self.before is not None and self.before[0] != now and math.isfinite(excess - self.before[1]):
            slope = min(max((excess - self.before[1]) / (now - self.before[0]), FLATTEST), slope)
        self.before, aim = (now, excess), now - excess / slope
        if math.isfinite(self.low + self.high):
            aim = aim if self.low < aim < self.high else (self.low + self.high) / 2
        self.scale = min(max(aim, now - STRIDE), now + STRIDE)
        self.multiply(math.exp(self.scale - now))


class TooLarge(Exception):  # noqa: N818 - it is no error, but a reason to go on with less
    """At a weight's second use or later what comes out is infinite."""

    def __init__(self, one: Weight) -> None:
        super().__init__(one.name)
        self.one = one


@torch.no_grad()
def initialize_on(model: nn.Module, inputs: Inputs, *, tolerance: float = 0.01, tries: int = 20,
                  generator: torch.Generator | None = None) -> Started:
    """Give every linear and convolutional layer weights with which its outputs have a variance of 1 on one batch.

    Layer-sequential unit variance: begin orthogonal, biases zero; then from the first layer to the last W <- W / sqrt(Var[outputs]) until
    |Var - 1| <= tolerance (Mishkin and Matas 2016, All you need is a good init, arXiv 1511.06422). No formula for the activation is
    needed. A weight that is used several times, as in a shared layer, is scaled until all its outputs together have that variance.

    inputs: one batch: a tensor, a tuple of arguments or a dict of named ones. The model runs as in training, with batch statistics, but
    without dropout; buffers, training flags and what the passes draw of random numbers are afterwards as before, and so are the
    layers that the batch does not reach. generator: draws the orthogonal weights; without one torch's global state does.

    Raises DataError where what comes out of a layer is the same throughout or not finite, TrainingError where the variance has not come
    to 1 after so many tries. All weights are then as they were.
    """
    if not 0 < tolerance < 1 or tries < 1:
        raise OptionError(f"tolerance lies between 0 and 1 and tries is 1 or more, not {tolerance} and {tries}")
    held = {id(own(layer)): Weight(name, layer) for name, layer in layers(model).items()}
    kept: dict[int, list[tuple[Tensor, Tensor]]] = {key: [(p, p.clone()) for p in one.layer.parameters()] for key, one in held.items()}
    try:
        for one in held.values():
            draw(one.layer, "orthogonal", 1.0, generator)
        settle(model, inputs, held, tolerance, tries)
    except BaseException:
        restore(kept.values())
        raise
    restore(kept[key] for key, one in held.items() if not one.uses)
    reached = [one for one in held.values() if one.uses]
    rows = tuple(Start(one.name, type(one.layer).__name__, "unit variance", "", *fans(one.layer), 1.0,
                       float(one.layer.weight.float().square().mean().sqrt()), one.variance) for one in reached)
    found = {one.name: one.layer for one in held.values()}
    return Started(rows, tuple(one.name for one in held.values() if not one.uses), others(model, found))


def restore(kept: Iterable[list[tuple[Tensor, Tensor]]]) -> None:
    """Give parameters their values back."""
    for pairs in kept:
        for parameter, value in pairs:
            parameter.copy_(value)


def settle(model: nn.Module, inputs: Inputs, held: dict[int, Weight], tolerance: float, tries: int) -> None:
    """Scale all weights in one pass, measure in another what has come of it, and again where weights depend on each other."""
    worst, variance = next(iter(held.values())), math.inf
    for _ in range(tries):
        try:
            go(model, inputs, held, partial(scaled, tolerance=tolerance, tries=tries))
            go(model, inputs, held, None)
        except TooLarge as found:
            worst, variance = found.one, math.inf
        else:
            off = [one for one in held.values() if one.uses and abs(one.variance - 1) > tolerance]
            if not off:
                return
            worst = next((one for one in off if one.uses > 1), off[0])
            variance = worst.variance
        if worst.uses > 1:
            worst.improve(variance)
    raise TrainingError(unsettled(worst, variance, tolerance, tries))


def go(model: nn.Module, inputs: Inputs, held: dict[int, Weight], change: Any) -> None:
    """One forward pass that notes what comes out of each layer; `change` scales a weight at the first use, if it has no other."""

    def after(one: Weight, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Tensor) -> Tensor:
        if change is not None and not one.outputs and one.uses < 2:
            output = change(one, module, args, named, output)
        if (one.outputs or one.uses > 1) and not bool(output.isfinite().all()):
            one.uses = max(one.uses, len(one.outputs) + 1)
            raise TooLarge(one)
        one.outputs.append(moments(one.name, module, args, output, again=bool(one.outputs)))
        return output

    handles = [module.register_forward_hook(partial(after, held[id(own(module))]), with_kwargs=True, prepend=True)
               for module in model.modules() if isinstance(module, LAYERS)]
    for one in held.values():
        one.outputs.clear()
    try:
        with as_before(model):
            model.train()
            for module in model.modules():
                if isinstance(module, DROPOUTS):
                    module.eval()
            call(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    for one in held.values():
        one.uses = len(one.outputs)


def scaled(one: Weight, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Tensor, tolerance: float,
           tries: int) -> Tensor:
    """Divide a weight by the standard deviation of what comes out, until that has a variance of 1; returns what comes out then."""
    for _ in range(tries):
        variance = moments(one.name, module, args, output)[2]
        if abs(variance - 1) <= tolerance:
            return output
        one.multiply(variance**-0.5)
        output = module.forward(*args, **named)
    raise TrainingError(unsettled(one, moments(one.name, module, args, output)[2], tolerance, tries))


def moments(name: str, module: nn.Module, args: tuple[Any, ...], output: Tensor, again: bool = False) -> tuple[float, float, float]:
    """How many numbers came out of a layer, their mean and their variance.

    Raises DataError where there is no variance to speak of, though not where a weight is used again and the signal has died on the way.
    """
    place = f"{name or 'the model'} ({type(module).__name__})"
    y = output.detach().to(torch.float32 if output.device.type == "mps" else torch.float64)  # whose squares do not overflow
    if y.numel() < 2:
        raise DataError(f"{y.numel()} number comes out of {place}, which has no variance; give a batch of several examples")
    mean, variance = float(y.mean()), float(y.var(correction=0))
    if not math.isfinite(variance):
        raise DataError(f"what comes out of {place} is not finite; look at the batch, or divide it by its standard deviation")
    if not again and variance <= torch.finfo(y.dtype).tiny:
        x = args[0] if args and isinstance(args[0], Tensor) else None
        why = ""
        if x is not None and not bool(x.any()):
            why = "; what goes in is 0 throughout, so all units before it are dead, or the batch is 0"
        raise DataError(f"what comes out of {place} is {mean:.3g} throughout, and no scale gives that a variance of 1{why}")
    return y.numel(), mean, variance


def unsettled(one: Weight, variance: float, tolerance: float, tries: int) -> str:
    """What to say where it does not work."""
    return (f"after {tries} tries the outputs of {one.name or 'the model'} ({type(one.layer).__name__}) have a variance of {variance:.4g}, "
            f"not 1 within {tolerance:g}; scaling its weights does not bring it there")
