"""The few places of torch that are watched at every step: plain attribute patches and torch's own optimizer hooks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils import clip_grad
from torch.optim import optimizer as optim

if TYPE_CHECKING:
    from gradwell.watch.watcher import Watcher


class Patches:
    """Puts the patches in and takes them out again; the listener is told of what happens and never raises."""

    def __init__(self, listener: Watcher) -> None:
        self.listener = listener
        self._undo: list[Callable[[], object]] = []

    def install(self) -> None:
        """Begin to listen."""
        hear = self.listener
        self._wrap(torch.autograd, "backward", self._backward)
        self._wrap(optim.Optimizer, "__init__", self._after(lambda _, args: hear.on_optimizer(args[0])))
        before = optim.register_optimizer_step_pre_hook(lambda optimizer, *_: hear.before_step(optimizer))
        after = optim.register_optimizer_step_post_hook(lambda optimizer, *_: hear.after_step(optimizer))
        self._undo += [before.remove, after.remove]
        clip = self._after(lambda norm, args, max_norm=None, **_: hear.on_clip(norm, args[1] if len(args) > 1 else max_norm))
        for owner in (torch.nn.utils, clip_grad):
            self._wrap(owner, "clip_grad_norm_", clip)
        scaler = torch.amp.grad_scaler.GradScaler
        scale = self._after(lambda scaled, args, outputs=None: hear.on_scale(args[1] if len(args) > 1 else outputs, scaled))
        self._wrap(scaler, "scale", scale)
        self._wrap(scaler, "step", self._after(lambda *_, **__: hear.after_scaler_step()))

    def remove(self) -> None:
        """Put everything back, last first, unless somebody else has patched over it."""
        while self._undo:
            self._undo.pop()()

    def _wrap(self, owner: Any, name: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        original = getattr(owner, name)
        wrapped = functools.wraps(original)(wrapper(original))
        setattr(owner, name, wrapped)
        self._undo.append(lambda: setattr(owner, name, original) if getattr(owner, name) is wrapped else None)

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            self.listener.on_backward(tensors)
            result = original(tensors, *args, **kwargs)
            self.listener.after_backward()
            return result

        return backward

    @staticmethod
    def _after(tell: Callable[..., object]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any, **kwargs: Any) -> Any:
                result = original(*args, **kwargs)
                tell(result, args, **kwargs)
                return result

            return wrapped

        return wrapper
