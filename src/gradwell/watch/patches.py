"""The few places of torch that are watched at every step: plain attribute patches and torch's own optimizer hooks."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch.jit._builtins import _get_builtin_table
from torch.nn.utils import clip_grad
from torch.optim import optimizer as optim
from torch.utils.data.distributed import DistributedSampler

from gradwell.watch import apart, foreign, held_out, recurrence

if TYPE_CHECKING:
    from gradwell.watch.watcher import Watcher

GRADIENTS_OFF = torch.no_grad, torch.inference_mode


class Patches:
    """What all watchers of this process hear with: put in for the first of them, taken out with the last, in whatever order they leave.

    A listener is told of what happens and never raises; a patch leaves no frame of ours in the traceback of an error.
    """

    _listeners: tuple[Watcher, ...] = ()
    _undo: tuple[Callable[[], object], ...] = ()
    _foreign: ClassVar[set[str]] = set()  # libraries whose own optimizers are listened to

    def __init__(self, listener: Watcher) -> None:
        self.listener = listener

    def install(self) -> None:
        """Begin to listen."""
        if not Patches._listeners:
            Patches._undo = tuple(patched())
        Patches._listeners += (self.listener,)

    def remove(self) -> None:
        """Stop listening; the last one puts everything back."""
        before, Patches._listeners = Patches._listeners, tuple(one for one in Patches._listeners if one is not self.listener)
        if before and not Patches._listeners:
            for undo in reversed(Patches._undo):
                undo()
            Patches._foreign.clear()

    @staticmethod
    def meet() -> None:
        """Listen to the optimizers of other libraries, where they were imported since the last time."""
        for module, listen in foreign.newly_imported(Patches._foreign):
            Patches._undo += tuple(listen(module, patch, tell))


def tell(what: str, *words: Any) -> None:
    """Tell every listener."""
    for listener in Patches._listeners:
        getattr(listener, what)(*words)


def patched() -> list[Callable[[], object]]:
    """Put all patches in; return what takes each one out."""
    before = optim.register_optimizer_step_pre_hook(lambda optimizer, *_: tell("before_step", optimizer))
    after = optim.register_optimizer_step_post_hook(lambda optimizer, *_: tell("after_step", optimizer))
    scaler = torch.amp.grad_scaler.GradScaler
    return [
        before.remove, after.remove,
        patch(torch.autograd, "backward", lambda *_, **__: tell("after_backward"),
              before=lambda *args, **kwargs: tell("on_backward", args[0] if args else kwargs.get("tensors")),
              failed=lambda error: tell("on_failure", error)),
        patch(DistributedSampler, "__iter__", lambda _, sampler: tell("on_order", sampler)),
        *(patch(mode, "__enter__", lambda _, context: tell("on_no_grad", context)) for mode in GRADIENTS_OFF),
        *(patch(mode, "__exit__", lambda _, context, *__: tell("after_no_grad", context)) for mode in GRADIENTS_OFF),
        patch(torch, "compile", lambda result, *_, **__: tell("on_compile", result), before=lambda *_, **__: tell("before_compile")),
        *(patch(torch._VF, name, lambda result, *args, **_: tell("on_recurrence", result, args)) for name in recurrence.FUNCTIONS),
        *(patch(owner, name, lambda result, *_, **__: tell("on_loss", result)) for owner, name in held_out.FUNCTIONS),
        patch(optim.Optimizer, "__init__", lambda _, optimizer, *__, **___: tell("on_optimizer", optimizer)),
        *(patch(owner, "clip_grad_norm_", lambda norm, _=None, max_norm=None, *__, **___: tell("on_clip", norm, max_norm))
          for owner in (torch.nn.utils, clip_grad)),
        *(patch(owner, "clip_grad_value_", lambda _, __=None, value=None, *___, **____: tell("on_value_clip", value))
          for owner in (torch.nn.utils, clip_grad)),
        patch(scaler, "scale", lambda scaled, scaler, outputs=None: tell("on_scale", outputs, scaled, scaler)),
        patch(scaler, "unscale_", lambda *_, **__: tell("on_unscale")),
        patch(scaler, "step", lambda *_, **__: tell("after_scaler_step")),
        *([patch(os, "register_at_fork", lambda _, **functions: apart.noted(**functions))] if hasattr(os, "register_at_fork") else []),
    ]


def patch(owner: Any, name: str, after: Callable[..., object], before: Callable[..., object] | None = None,
          failed: Callable[[Exception], object] | None = None) -> Callable[[], object]:
    """Call `before` with the arguments of a function and `after` with its result and its arguments, whenever it is called; `failed` with
    the error that it raised.

    Returns what undoes it, unless somebody else has patched over it.
    """
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before(*args, **kwargs)
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            if failed is not None and isinstance(error, Exception):
                failed(error)
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise
        after(result, *args, **kwargs)
        return result

    table: dict[int, str] = _get_builtin_table()  # type: ignore[no-untyped-call]
    if id(original) in table:
        table[id(wrapped)] = table[id(original)]  # torch.jit.script takes the one for the other
    setattr(owner, name, wrapped)

    def undo() -> None:
        table.pop(id(wrapped), None)
        if getattr(owner, name) is wrapped:
            setattr(owner, name, original)

    return undo
