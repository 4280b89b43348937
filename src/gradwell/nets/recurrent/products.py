"""One matrix, many products: what a recurrence does at every step.

Where oneDNN is there (float32 on a CPU), a large matrix is rearranged once for the products that follow; they then take a tenth less
time than BLAS, which rearranges it at every call.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

LARGE = 1 << 18  # elements of the matrix from which on rearranging pays
ROWS = 16  # rows of the other factor, likewise


class Product:
    """h -> h W^T (+ bias or something else), to be done again and again with the same W (outputs, inputs)."""

    def __init__(self, weight: Tensor, rows: int, bias: Tensor | None = None) -> None:
        self._transposed, self._bias = weight.t(), bias
        self._packed = packed(weight, rows) if rows >= ROWS and weight.numel() >= LARGE else None

    def __call__(self, h: Tensor, plus: Tensor | None = None) -> Tensor:
        """The product (rows, outputs) of h (rows, inputs), added to `plus` (rows, outputs) if given and to the bias if not."""
        if self._packed is not None:
            return pointwise(h, plus, self._packed, self._bias)
        if plus is None:
            plus = self._bias
        return h @ self._transposed if plus is None else torch.addmm(plus, h, self._transposed)


def packed(weight: Tensor, rows: int) -> Any:
    """The matrix as oneDNN likes it best; None where there is no oneDNN for it."""
    known = weight.device.type == "cpu" and weight.dtype == torch.float32 and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not known or not torch.backends.mkldnn.enabled:
        return None
    try:
        return torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), rows)
    except (AttributeError, NotImplementedError, RuntimeError):  # another build of torch
        return None


def pointwise(h: Tensor, plus: Tensor | None, packed: Any, bias: Tensor | None) -> Tensor:
    """The product through oneDNN."""
    if plus is None:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(h, packed, bias, "none", [], "")
    else:
        y = torch.ops.mkldnn._linear_pointwise.binary(h, plus, packed, None, "add")
    return y

