"""The statistics that normalisation layers take of a batch, beside those that they keep."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from gradwell.errors import OptionError
from gradwell.nets.normalization.normalized import Normalized, Statistics, by_channel
from gradwell.nets.normalization.together import Together
from gradwell.nets.onebatch import Inputs, as_before, call

LAYERS = (_BatchNorm, _InstanceNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
SINGLE = {nn.InstanceNorm1d: 2, nn.InstanceNorm2d: 3, nn.InstanceNorm3d: 4}  # axes of one example without a batch


def statistics(model: nn.Module, inputs: Inputs) -> Statistics:
    """See the mean and variance that every normalisation layer of a model takes of one batch, and those that it keeps.

    model: any with nn.BatchNorm1d/2d/3d, nn.InstanceNorm1d/2d/3d, nn.LayerNorm, nn.GroupNorm or nn.RMSNorm, or such a layer itself.
    inputs: one batch: a tensor, a tuple of arguments or a dict of named ones.

    The model runs once in the mode it is in, so that what was used is what would be: a batch norm's own statistics in training, the
    running ones in evaluation; those of the batch are there in either. Running statistics, counters, training flags and random states
    are afterwards as they were. Ioffe and Szegedy 2015, arXiv 1502.03167; Ba et al. 2016, arXiv 1607.06450; Wu and He 2018,
    arXiv 1803.08494; Ulyanov et al. 2016, arXiv 1607.08022; Zhang and Sennrich 2019, arXiv 1910.07467.

    Raises OptionError for a model without such a layer.
    """
    found = {name: module for name, module in model.named_modules() if isinstance(module, LAYERS)}
    if not found:
        raise OptionError(f"{type(model).__name__} has no normalisation layer; statistics reads batch, instance, layer, group and RMS norm")
    seen: list[Normalized] = []

    def before(name: str, layer: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.append(normalized(name, layer, args[0] if args else named["input"]))

    handles = [module.register_forward_pre_hook(partial(before, name), with_kwargs=True) for name, module in found.items()]
    try:
        with as_before(model):
            call(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    reached = {one.name for one in seen}
    return Statistics(tuple(seen), tuple(name for name in found if name not in reached))


def normalized(name: str, layer: Any, x: Tensor) -> Normalized:
    """What a layer is about to make of its input."""
    x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    single = any(isinstance(layer, kind) and x.dim() == axes for kind, axes in SINGLE.items())
    view = Together(layer, x[None] if single else x)
    z = view.fold(view.x)
    if isinstance(layer, nn.RMSNorm):
        mean, var = torch.zeros_like(z[..., 0]), z.square().mean(-1)
    else:
        mean, var = z.mean(-1), z.var(-1, correction=0)
    eps = torch.finfo(x.dtype).eps if layer.eps is None else layer.eps
    running_mean, running_var = copied(layer, "running_mean"), copied(layer, "running_var")
    kept = running_mean is not None and running_var is not None and not layer.training
    weight, bias = copied(layer, "weight"), copied(layer, "bias")
    m, v = (running_mean, running_var) if kept and running_mean is not None and running_var is not None else (mean, var)
    scale = view.along(weight, 1.0) / (view.spread(v) + eps).sqrt()
    shift = view.along(bias, 0.0) - view.spread(m) * scale
    if single:
        scale, shift = scale[0], shift[0]
    new = following(layer, mean, var, z.shape[-1], running_mean, running_var)
    return Normalized(name, type(layer).__name__, "running" if kept else "batch", eps, mean, var, running_mean, running_var, *new, scale,
                      shift, weight)


def copied(layer: Any, name: str) -> Tensor | None:
    """A parameter or buffer as it is now, if the layer has it."""
    held = getattr(layer, name, None)
    return held.detach().clone() if isinstance(held, Tensor) else None


def following(layer: Any, mean: Tensor, var: Tensor, count: int, running_mean: Tensor | None,
              running_var: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """The running statistics after this batch: (1 - m) running + m batch, the variance with Bessel's correction.

    m is the layer's momentum; without one batch norm keeps the plain mean over all batches, m = 1 / (batches so far).
    """
    if running_mean is None or running_var is None or count < 2:
        return None, None
    m: float = layer.momentum if layer.momentum is not None else 0.0 if isinstance(layer, _InstanceNorm) else (
        1 / (int(layer.num_batches_tracked) + 1))
    return (1 - m) * running_mean + m * by_channel(mean), (1 - m) * running_var + m * by_channel(var) * count / (count - 1)
