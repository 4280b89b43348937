"""Is a gradient right? Every entry against the slope that the function itself shows nearby, in double precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.errors import OptionError

SHADES = " ·░▒▓█"  # of an error below 1e-8, 1e-6, 1e-4, 1e-2, 1 and above
ROWS, COLUMNS = 12, 60  # of a map of errors
AROUND = (-2, -1, 0, 1, 2)  # steps at which the worst entry's neighbourhood is shown


@dataclass(frozen=True)
class Checked:
    """The gradient of one input: what autograd says, what finite differences say, and how far apart they are, entry by entry.

    error: |autograd - difference| relative to the larger of the two, or to a thousandth of the input's largest; all shaped like the input.
    """

    name: str
    autograd: Tensor
    difference: Tensor
    error: Tensor

    @property
    def worst(self) -> tuple[int, ...]:
        """Where the error is largest."""
        return tuple(int(i) for i in torch.unravel_index(self.error.argmax(), self.error.shape))


@dataclass(frozen=True)
class GradientCheck:
    """Every input of a function and its gradient; prints the worst entry, where it lies, and the function around it."""

    inputs: tuple[Checked, ...]
    around: tuple[tuple[float, float, float], ...]  # of the worst entry: offset, change of the function, change that autograd expects
    tolerance: float

    @property
    def worst(self) -> Checked:
        """The input with the largest error."""
        return max(self.inputs, key=lambda one: float(one.error.max()))

    @property
    def right(self) -> bool:
        """Whether no entry is off by more than the tolerance."""
        return float(self.worst.error.max()) <= self.tolerance

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        one, at = self.worst, self.worst.worst
        error = float(one.error.max())
        verdict = "All gradients are right" if self.right else "A gradient is wrong"
        lines = [
            f"{verdict}: the largest relative error is {error:.2g} ({self.tolerance:.2g} is allowed), at {one.name}{list(at)}.", "",
            f"  autograd    {float(one.autograd[at]):+.10g}", f"  difference  {float(one.difference[at]):+.10g}", "",
            f"  {'offset':>10}  {'function':>14}  {'autograd says':>14}",
            *(f"  {t:>+10.1e}  {change:>+14.6e}  {expected:>+14.6e}" for t, change, expected in self.around), "",
            f"  {one.name} {tuple(one.error.shape)}, relative error: '{SHADES[0]}' below 1e-8, then '{SHADES[1:]}' in steps of 100",
            *(f"  |{row}|" for row in picture(one.error, at)),
        ]
        others = [f"  {other.name}: {float(other.error.max()):.2g}" for other in self.inputs if other is not one]
        return "\n".join([*lines, *(["", "  largest error of the other inputs", *others] if others else [])])


def check_gradients(function: Callable[..., Tensor], *inputs: Tensor, step: float = 1e-6, tolerance: float = 1e-5) -> GradientCheck:
    """Compare the gradient of any function with finite differences in double precision, entry by entry.

    function: a function or a module; its parameters are checked like inputs. inputs: tensors; those of whole numbers are passed on as they
    are. step: of the central difference (f(x + step) - f(x - step)) / (2 step). The outputs are weighed with fixed random numbers and
    added up, so that one number stands for all. Nothing changes: copies are checked, and no random state is touched.

        print(gradwell.check_gradients(MyFunction.apply, torch.randn(3, 4)))

    Raises OptionError where the function gives no tensor that depends on an input. LeCun 1988; Press et al., Numerical Recipes, 5.7.
    """
    values, names, call = arguments(function, inputs)
    with torch.random.fork_rng():
        state = torch.get_rng_state()

        def total(values: Sequence[Tensor]) -> Tensor:
            torch.set_rng_state(state)
            out = call(values)
            if not isinstance(out, Tensor) or not out.is_floating_point():
                given = f"one of {out.dtype}" if isinstance(out, Tensor) else type(out).__name__
                raise OptionError(f"check_gradients needs a function that gives a tensor of floating-point numbers, not {given}")
            weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
            return (out * weights).sum()

        leaves = [value.clone().requires_grad_() for value in values]
        with torch.enable_grad():
            loss = total(leaves)
            if not loss.requires_grad:
                raise OptionError(f"no output depends on {', '.join(names) or 'any input'} in a way that autograd knows")
            gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        with torch.no_grad():
            noise = 10 * torch.finfo(torch.float64).eps * abs(float(loss.detach())) / step  # of a difference of two rounded numbers
            checked = tuple(
                compare(name, torch.zeros_like(value) if gradient is None else gradient, slopes(total, values, i, step), noise / tolerance)
                for i, (name, value, gradient) in enumerate(zip(names, values, gradients, strict=True)))
            worst = max(range(len(checked)), key=lambda i: float(checked[i].error.max()))
            around = neighbourhood(total, values, worst, checked[worst], 100 * step)
    return GradientCheck(checked, around, tolerance)


def arguments(function: Any, inputs: Iterable[Any]) -> tuple[list[Tensor], list[str], Callable[[Sequence[Tensor]], Any]]:
    """Copies in double precision of all that is checked, their names, and the function of them."""
    given = [one.detach().double() if isinstance(one, Tensor) and one.is_floating_point() else one for one in inputs]
    at = [i for i, one in enumerate(given) if isinstance(one, Tensor) and one.is_floating_point()]
    parameters: dict[str, Tensor] = {}
    buffers: dict[str, Tensor] = {}
    if isinstance(function, nn.Module):
        parameters = {name: p.detach().double() for name, p in function.named_parameters() if p.requires_grad}
        rest = {name: p for name, p in function.named_parameters() if not p.requires_grad} | dict(function.named_buffers())
        buffers = {name: b.detach().double() if b.is_floating_point() else b.detach() for name, b in rest.items()}

    def call(values: Sequence[Tensor]) -> Any:
        args = list(given)
        for i, value in zip(at, values, strict=False):
            args[i] = value
        if not isinstance(function, nn.Module):
            return function(*args)
        kept = {name: buffer.clone() for name, buffer in buffers.items()}  # running statistics stay what they were
        return torch.func.functional_call(function, dict(zip(parameters, values[len(at):], strict=True)) | kept, tuple(args))

    return [*(given[i] for i in at), *parameters.values()], [*(f"input {i}" for i in at), *parameters], call


def slopes(total: Callable[[Sequence[Tensor]], Tensor], values: Sequence[Tensor], which: int, step: float) -> Tensor:
    """The central difference of each entry of one input."""
    x = values[which].clone()
    flat, found = x.view(-1), torch.empty(x.numel(), dtype=torch.float64)
    changed = [*values[:which], x, *values[which + 1:]]
    for i in range(len(flat)):
        here = float(flat[i])
        flat[i] = here + step
        up = float(total(changed))
        flat[i] = here - step
        found[i] = (up - float(total(changed))) / (2 * step)
        flat[i] = here
    return found.reshape(x.shape)


def compare(name: str, autograd: Tensor, difference: Tensor, least: float) -> Checked:
    """The relative error of each entry; entries that are nothing beside the largest are measured by a thousandth of that, or by `least`."""
    sizes = torch.maximum(autograd.abs(), difference.abs())
    floor = 1e-3 * float(sizes.nan_to_num().max()) if sizes.numel() else 0.0
    error = (autograd - difference).abs() / sizes.clamp_min(max(floor, least, 1e-12))
    return Checked(name, autograd, difference, error.nan_to_num(float("inf"), float("inf")))


def neighbourhood(total: Callable[[Sequence[Tensor]], Tensor], values: Sequence[Tensor], which: int, one: Checked, step: float) -> (
        tuple[tuple[float, float, float], ...]):
    """How the function changes about the worst entry, beside what its gradient expects."""
    x = values[which].clone()
    changed, here, middle = [*values[:which], x, *values[which + 1:]], float(x[one.worst]), float(total(values))
    rows = []
    for k in AROUND:
        x[one.worst] = here + k * step
        rows.append((k * step, float(total(changed)) - middle, float(one.autograd[one.worst]) * k * step))
    return tuple(rows)


def picture(error: Tensor, at: tuple[int, ...]) -> list[str]:
    """The errors of a tensor as a map of shades, its last axis from left to right, cut to the part around one entry."""
    table = error.reshape(-1, error.shape[-1]) if error.dim() > 1 else error.reshape(1, -1)
    column = at[-1] if at else 0
    row = int(torch.arange(table.numel()).reshape(table.shape)[:, column].eq(int(error.reshape(-1).argmax())).nonzero()[0])
    top, left = (max(0, min(here - most // 2, size - most)) for here, most, size in zip(
        (row, column), (ROWS, COLUMNS), table.shape, strict=True))
    part = table[top:top + ROWS, left:left + COLUMNS].clamp(1e-12, 1e3)
    shades = ((part.log10() + 10) / 2).floor().clamp(0, len(SHADES) - 1).long()
    return ["".join(SHADES[i] for i in line) for line in shades.tolist()]
