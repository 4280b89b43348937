"""What a signal is: one thing that is measured, with its unit, its place and the pure function that measures it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Place = Literal["model", "layer", "activation", "normalization", "parameter", "input", "loss", "optimizer", "recurrence",
                "attention", "evaluation", "metric", "call", "run"]


@dataclass(frozen=True)
class Signal:
    """One quantity measured in a run: its name, its unit, the kind of site it is measured at, and how.

    `measure` maps tensors to a 0-d tensor, so that nothing waits for the device; it is None where the value is a plain fact
    (a count, a name, a chain of operations) that needs no tensor.
    """

    name: str
    unit: str
    place: Place
    about: str
    measure: Callable[..., Tensor] | None = None
