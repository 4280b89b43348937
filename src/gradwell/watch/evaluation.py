"""When a model is run without gradients by the user's own code: is it in training mode, and does that matter to it?

While gradients are off, a hook of torch's that all modules share waits for the first one that is called, and is taken out at once.
Batch normalisations of that model, if they use what they kept, are looked at once: is it what their inputs have?
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from gradwell.watch.registry import Registry
from gradwell.watch.source import OURS, rank

MOST = 2_000  # times that are listened to
LAYERS = 64  # batch normalisations of one model that are looked at


class Evaluation:
    """Listens while gradients are off; tells of the first module that runs, with its root."""

    def __init__(self, registry: Registry, tell: Callable[[nn.Module, nn.Module], None]) -> None:
        self._registry, self._tell = registry, tell
        self._handle: Any = None
        self._context: Any = None
        self._times = 0
        self._waiting: set[int] = set()  # batch normalisations that were not heard yet
        self._tell_kept: Callable[[_BatchNorm, Tensor], None]

    def begin(self, context: Any) -> None:
        """Gradients were switched off."""
        if self._context is None and self._times < MOST and by_user():
            self._context, self._times = id(context), self._times + 1
            self._handle = hooks.register_module_forward_pre_hook(self._on_forward)

    def end(self, context: Any) -> None:
        """Gradients are as they were."""
        if self._context == id(context):
            self._context = None
            self._forget()

    def listen(self, root: nn.Module, tell: Callable[[_BatchNorm, Tensor], None]) -> None:
        """Tell what goes into each batch normalisation of a model that uses the statistics it kept, once."""
        kept = [m for m in root.modules() if isinstance(m, _BatchNorm) and not m.training and m.running_mean is not None][:LAYERS]
        if kept:
            self._waiting, self._tell_kept = {id(module) for module in kept}, tell
            self._handle = hooks.register_module_forward_pre_hook(self._on_kept)

    def _forget(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def _on_forward(self, module: nn.Module, _: Any) -> None:
        if not torch.compiler.is_compiling() and not torch.is_grad_enabled() and next(module.parameters(), None) is not None:
            self._forget()
            self._tell(self._registry.root(module), module)

    def _on_kept(self, module: Any, inputs: Any) -> None:
        if id(module) in self._waiting and not torch.compiler.is_compiling():
            self._waiting.remove(id(module))
            if not self._waiting:
                self._forget()
            if inputs and isinstance(inputs[0], Tensor):
                self._tell_kept(module, inputs[0])


def by_user() -> bool:
    """Whether the code that switched gradients off, as a block or as a decorated function, is the user's own."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(OURS) and rank(frame.f_code.co_filename) == 2:
        frame = frame.f_back  # type: ignore[assignment]
    if frame is not None and frame.f_code.co_filename.endswith("_contextlib.py"):
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None and rank(frame.f_code.co_filename) == 0


def matters(root: nn.Module) -> bool:
    """Whether a model has parts, now in training mode, that behave otherwise in eval mode: dropout, or statistics of the batch."""
    for module in root.modules():
        if module.training and isinstance(module, _BatchNorm) and module.track_running_stats:
            return True
        if module.training and isinstance(module, _DropoutNd) and module.p > 0:
            return True
        if module.training and isinstance(module, (nn.RNNBase, nn.MultiheadAttention)) and module.dropout > 0:
            return True
    return False
