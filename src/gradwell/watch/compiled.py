"""Looking into compiled models: on a sampled step the model runs once more, uncompiled, with the same input and the same gradient.

The autograd graph of a compiled model is a single node. To run the user's own step uncompiled would change its rounding and its
dropout, so the second run is ours alone: random state and buffers are put back, and nothing it computes reaches the script.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor, nn

CALLS = 4  # of compiled models in one step that are remembered


@dataclass
class Call:
    """One forward pass of a compiled model: what went in, what came out, and the gradient that came back."""

    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    autocast: tuple[str, torch.dtype, bool]
    gradient: list[Tensor] = field(default_factory=list)


class Compiled:
    """Remembers the calls of compiled models since the last update of the weights."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._listening = False

    def follow(self, compiled: Any) -> None:
        """Take note of every training call of a module that torch.compile made."""
        model, forward = getattr(compiled, "_orig_mod", None), compiled.forward
        if not isinstance(model, nn.Module):
            return

        @wraps(forward)
        def noted(*args: Any, **kwargs: Any) -> Any:
            output = forward(*args, **kwargs)
            if isinstance(output, Tensor) and output.requires_grad and len(self.calls) < CALLS:
                kind = output.device.type
                autocast = kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
                call = Call(model, args, kwargs, autocast)
                self.calls.append(call)
                output.register_hook(partial(self._on_gradient, call))  # type: ignore[no-untyped-call]
            return output

        compiled.forward = noted

    def listen(self) -> None:
        """Keep the gradients at the outputs, in the backward pass that is about to begin."""
        self._listening = True

    def _on_gradient(self, call: Call, gradient: Tensor) -> None:
        if self._listening:
            call.gradient.append(gradient.detach())

    def replay(self, look: Callable[[Any], None]) -> bool:
        """Run every remembered call again, uncompiled; `look` reads each graph before the gradient is sent through it.

        Returns whether there was one whose gradient is known.
        """
        calls, self.calls, self._listening = [call for call in self.calls if call.gradient], [], False
        for call in calls:
            with undone(call.model, call.gradient[0].device), torch.enable_grad():
                kind, dtype, on = call.autocast
                with torch.autocast(kind, dtype, enabled=on):
                    output = call.model(*call.args, **call.kwargs)
                look(output.grad_fn)
                weights = [p for p in call.model.parameters() if p.requires_grad]
                torch.autograd.grad(output, weights, call.gradient[0], allow_unused=True)
        return bool(calls)


@contextlib.contextmanager
def undone(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Put back the random state, the buffers and the plain attributes of a model, and keep what it prints to ourselves."""
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    attributes = [(module, dict(vars(module))) for module in model.modules()]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            yield
        finally:
            for module, plain in attributes:
                vars(module).clear()
                vars(module).update(plain)
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
