"""Convolutions made of several cheaper ones, beside the plain convolution that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from torch import nn

from gradwell.nets.inspection.measuring import Call


@dataclass(frozen=True)
class Bottleneck:
    """A chain of convolutions, and the plain one from the same input to the same output channels with the same kernel.

    kind: "bottleneck" (1x1 to fewer channels, k x k, and 1x1 to more if there is one; Lin et al. 2014, He et al. 2016) or "separable"
    (k x k within each channel, then 1x1; Howard et al. 2017). Weights and biases of the convolutions only; flops of the whole batch.
    """

    kind: str
    paths: tuple[str, ...]
    channels: tuple[int, ...]
    kernel: tuple[int, ...]
    parameters: int
    plain_parameters: int
    flops: int
    plain_flops: int

    @property
    def parameter_saving(self) -> float:
        """By what factor the chain has fewer parameters than the plain convolution."""
        return self.plain_parameters / self.parameters

    @property
    def flop_saving(self) -> float:
        """By what factor the chain needs less arithmetic."""
        return self.plain_flops / self.flops if self.flops else 1.0


def bottlenecks(calls: list[Call]) -> Iterator[Bottleneck]:
    """All chains in a forward pass, in the order of their wide kernels.

    Only activations and normalisation may stand between the convolutions of a chain. The 1x1 before a wide kernel may serve several.
    """
    seen = set()
    for i, call in enumerate(calls):
        wide = conv(call)
        if wide is None or is_pointwise(wide) or wide.transposed or call.module in seen:
            continue
        seen.add(call.module)
        above = None if call.origin is None else calls[call.origin]
        narrow = None if above is None else conv(above)
        after = next((c for c in calls[i + 1:] if c.origin == i and (m := conv(c)) and is_pointwise(m)), None)
        last = None if after is None else conv(after)
        if above and narrow and is_pointwise(narrow) and narrow.out_channels < narrow.in_channels:
            expands = after is not None and last is not None and last.out_channels > last.in_channels
            yield chain("bottleneck", [above, call, *([after] if expands and after else [])], wide)
        elif after and wide.groups == wide.in_channels > 1:
            yield chain("separable", [call, after], wide)


def conv(call: Call) -> nn.modules.conv._ConvNd | None:
    """The convolution that was called, if it was one."""
    return call.module if isinstance(call.module, nn.modules.conv._ConvNd) else None


def is_pointwise(module: nn.modules.conv._ConvNd) -> bool:
    """Whether it is a plain 1x1 convolution."""
    return set(module.kernel_size) == {1} and module.groups == 1 and not module.transposed


def chain(kind: str, calls: list[Call], wide: nn.modules.conv._ConvNd) -> Bottleneck:
    """The chain in numbers."""
    modules = [module for call in calls if (module := conv(call)) is not None]
    first, last, shape = modules[0], modules[-1], calls[-1].outputs[0]
    n = len(wide.kernel_size)
    weights = prod(wide.kernel_size) * first.in_channels * last.out_channels
    places = prod(shape[-n:]) * (shape[0] if len(shape) > n + 1 else 1)
    return Bottleneck(
        kind, tuple(call.path for call in calls), (first.in_channels, *(module.out_channels for module in modules)),
        tuple(wide.kernel_size),
        sum(p.numel() for module in modules for p in module.parameters()), weights + (last.out_channels if last.bias is not None else 0),
        sum(call.flops for call in calls), 2 * weights * places)
