"""What torch computes while a model runs on a batch whose number of examples is the size of no other axis."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

SOFTMAX = ("_softmax", "_safe_softmax", "_log_softmax")
TRAINING = {"native_batch_norm": 5, "_native_batch_norm_legit": 5, "cudnn_batch_norm": 5, "miopen_batch_norm": 5}  # place of the flag


class Notes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes each softmax, with the weight that the first query gives to the last keys, and whether statistics are taken of the batch.

    keys, last: how long the rows of attention are, and how many of their last places count.
    """

    def __init__(self, examples: int, keys: int = 0, last: int = 0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.examples, self.keys, self.last = examples, keys, last
        self.across: list[list[int]] = []  # shapes of softmaxes down the examples, though there are other axes
        self.weights: list[float] = []
        self.batch_statistics = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here; to have it skipped, torch would import its compiler, which takes seconds."""
        return False

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Compute what was asked for, and note it."""
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        if name in SOFTMAX:
            self._softmax(args[0].shape, args[1] % args[0].dim(), result)
        elif name in TRAINING:
            self.batch_statistics = self.batch_statistics or bool(args[TRAINING[name]])
        elif name == "_native_batch_norm_legit_no_stats":
            self.batch_statistics = True
        return result

    def _softmax(self, shape: torch.Size, axis: int, weights: Tensor) -> None:
        others = [size for i, size in enumerate(shape) if i != axis]
        if shape[axis] == self.examples and len(shape) > 2 and self.examples not in others and min(others) > 1:
            self.across.append(list(shape))
        rows = weights.movedim(axis, -1)
        if self.last and shape[axis] == self.keys and len(shape) > 1:
            asked = rows if len(shape) == 2 else rows[..., 0, :]  # the first word is none of the padding
            self.weights.append(float(asked[..., -self.last:].float().sum(-1).mean()))
