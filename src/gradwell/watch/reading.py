"""Where a loss reads the outputs of a recurrent layer, along time and along the batch, and whether the inputs end in padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

NUMBERS = 4_000_000  # of inputs; from a larger batch, some of its examples are looked at for padding


def where_read(x: Tensor, dy: Tensor | None, dh: Tensor | None, batch_first: bool, hidden: int) -> dict[str, Any]:
    """Which steps and examples the gradient comes back to, and how the inputs end.

    x: (time, batch, inputs), or batch first; dy: the gradient at the outputs of the last layer, its forward direction first;
    dh: (batch, hidden), the gradient at the last state of that layer and direction.
    """
    x = x.transpose(0, 1) if batch_first else x  # (time, batch, inputs)
    steps, batch = x.shape[:2]
    found: dict[str, Any] = {"time": steps, "batch": batch, "from": None, "only": None, "covered": 0.0, "batch_first": batch_first}
    if dy is not None:
        touched = ((dy.transpose(0, 1) if batch_first else dy)[..., :hidden] != 0).any(-1).cpu()  # (time, batch)
        at, rows = touched.any(1), touched.any(0)
        if bool(at.any()):
            found["from"] = int(at.int().argmax())
            found["covered"] = float(at.float().mean())
            found["only"] = int(rows.int().argmax()) if int(rows.sum()) == 1 else None
    if dh is not None and bool((dh != 0).any()):
        found["from"] = steps - 1 if found["from"] is None else found["from"]
        found["only"], found["covered"] = None, max(found["covered"], 1 / steps)
    if found["from"] == steps - 1:
        found |= tails(x)
    return found


def where_read_packed(dy: Tensor | None, dh: Tensor | None, lengths: Tensor, batch_first: bool, hidden: int) -> dict[str, Any]:
    """The earliest place, as a step of the longest sequence, at which the loss reads sequences of several lengths; dy is padded."""
    steps = int(lengths.max())
    found: dict[str, Any] = {"time": steps, "batch": len(lengths), "from": None, "only": None, "covered": 0.0, "batch_first": batch_first}
    if dy is not None:
        touched = ((dy.transpose(0, 1) if batch_first else dy)[..., :hidden] != 0).any(-1).cpu()  # (time, batch)
        first = torch.where(touched.any(0), touched.int().argmax(0), lengths - 1)
        if bool(touched.any()):
            found["from"] = int((first * (steps - 1) / (lengths - 1).clamp_min(1)).amin())
    if found["from"] is None and dh is not None and bool((dh != 0).any()):
        found["from"] = steps - 1
    return found


def tails(x: Tensor) -> dict[str, float]:
    """How sequences (time, batch, inputs) end: the shares of the examples whose last two or more vectors are all one same vector, and
    whose first vector is that one; the mean and the longest of these tails as shares of the time, and how many lengths they have.
    """
    every = max(1, x.numel() // NUMBERS)
    x = x[:, ::every]
    steps = len(x)
    run = (x == x[-1:]).all(-1).flip(0).int().cumprod(0).sum(0).cpu()  # (batch,), how many vectors at the end are equal
    tailed = (run >= 2).nonzero().flatten()
    if len(tailed) == 0:
        return {"tailed": 0.0, "starting": 0.0, "mean_tail": 0.0, "longest_tail": 0.0, "lengths": 0}
    pad = x[-1, int(tailed[0])]
    alike = (x[-1] == pad).all(-1).cpu() & (run >= 2)
    lengths = run[alike]
    return {
        "tailed": float(alike.float().mean()), "starting": float((x[0] == pad).all(-1).float().mean()),
        "mean_tail": float(lengths.sum()) / (steps * x.shape[1]), "longest_tail": float(lengths.max()) / steps,
        "lengths": len(set(lengths.tolist())),
    }
